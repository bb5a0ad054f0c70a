import { describe, expect, test } from 'vitest';
import { machine } from '../support/machine.js';

const bytes = Uint8Array.from({ length: 13 }, (_, index) => 0x11 * (index + 1));

describe('device configuration space (2.5, 4.1.4.6)', () => {
  test('is read by any width at any offset where all of it lies inside', () => {
    const { driver } = machine({ config: bytes });
    const { bar, offset } = driver.device!;
    for (const size of [1, 2, 4]) {
      for (let at = 0; at + size <= bytes.length; at++) {
        const expected = bytes.subarray(at, at + size).reduceRight((value, byte) => value * 256 + byte, 0);
        expect(driver.read(bar, offset + at, size)).toBe(expected);
      }
    }
  });

  test('reads as all ones where a byte lies outside', () => {
    const { driver, function: pci } = machine({ config: bytes });
    const { bar, offset } = driver.device!;
    expect(driver.read(bar, offset + 12, 2)).toBe(0xffff);
    expect(driver.read(bar, offset + 10, 4)).toBe(0xffffffff);
    driver.write(bar, offset + 12, 2, 0);
    expect(pci.refusals.config).toBe(0);
  });

  test('writes are handed to the device', () => {
    const { driver, control } = machine({ config: bytes });
    const { bar, offset } = driver.device!;
    driver.write(bar, offset + 3, 4, 0xdeadbeef);
    driver.write(bar, offset + 12, 1, 7);
    expect(control.configWrites).toEqual([
      [3, 4, 0xdeadbeef],
      [12, 1, 7],
    ]);
  });

  test('a change by the device has a new generation (2.5.3, 4.1.4.3.1)', () => {
    const { driver, control } = machine({ config: bytes });
    const before = driver.generation;
    control.config.publish(bytes.toReversed());
    expect(driver.generation).not.toBe(before);
    expect(driver.read(4, driver.device!.offset, 1)).toBe(bytes.at(-1));
  });

  test('the generation has 8 bits and wraps', () => {
    const { driver, control } = machine({ config: bytes });
    for (let change = 0; change < 255; change++) control.config.publish(bytes);
    expect(driver.generation).toBe(255);
    control.config.publish(bytes);
    expect(driver.generation).toBe(0);
  });
});
