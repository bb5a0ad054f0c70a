/** The device of examples/: what a newcomer copies, and what the table promises about it. */
import { readFileSync } from 'node:fs';
import { blockExpectations, type Expectation, RegisterBlock, type RegisterTable, unmetSteps } from 'ioregion/ioregion';
import { describe, expect, test } from 'vitest';
import createCounter, { counterBlock } from '#dist/examples/counter-device.js';

const [version, count, doorbell, status] = [0x00, 0x04, 0x08, 0x0c];

describe('the counter device', () => {
  test('is short enough to copy', () => {
    const source = readFileSync(new URL('../../../examples/counter-device.ts', import.meta.url), 'utf8');
    expect(source.split('\n').length).toBeLessThan(60);
  });

  test('counts rings and says that it was rung, until that is cleared', () => {
    const device = createCounter();
    for (const value of [0, 1, 0xffffffff]) device.write(doorbell, 4, value);
    expect([device.read(version, 4), device.read(count, 4), device.read(status, 4)]).toEqual([0x10000, 3, 1]);
    device.write(status, 4, 1);
    expect(device.read(status, 4)).toBe(0);
  });

  test('wraps at 2^32 and says so', () => {
    const device = createCounter({ count: 0xffffffff });
    device.write(doorbell, 4, 0);
    expect([device.read(count, 4), device.read(status, 4)]).toEqual([0, 0b11]);
  });

  for (const expectation of blockExpectations(counterBlock)) {
    test(`table: ${expectation.name}`, () => {
      expect(unmetSteps(counterBlock.createInert(), expectation)).toEqual([]);
    });
  }
});

describe('tests generated from a table', () => {
  const expectations = blockExpectations(counterBlock);
  const failing = (changes: Partial<RegisterTable['registers'][number]>, name: string) => {
    const registers = counterBlock.table.registers.map((spec) => (spec.name === name ? { ...spec, ...changes } : spec));
    const other = new RegisterBlock({ ...counterBlock.table, registers } as RegisterTable);
    const fails = (one: Expectation) => unmetSteps(other.createInert(), one).length > 0;
    return expectations.filter(fails).map((one) => one.name);
  };

  test('find a device that does something else', () => {
    expect(failing({}, 'VERSION')).toEqual([]);
    expect(failing({ reset: 2 }, 'VERSION')).toContain('VERSION starts with its reset value');
    expect(failing({ access: 'rw' }, 'VERSION')).toContain('VERSION takes ones in its writable bits only');
    expect(failing({ access: 'rw' }, 'STATUS')).toContain('STATUS loses just the bit a one is written to');
    expect(failing({ access: 'rw' }, 'DOORBELL')).toContain('DOORBELL takes ones in its writable bits only');
    expect(failing({ widths: [2, 4] }, 'COUNT')).toContain('COUNT refuses a 2-byte access at +0');
    expect(failing({ widths: [4] }, 'SCRATCH')).toContain(
      'SCRATCH takes a 1-byte access at +3 without touching its other bytes',
    );
    expect(failing({ count: 2 }, 'SCRATCH')).toContain('nothing is at 0x14');
  });
});
