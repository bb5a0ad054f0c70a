/** The random wrong drivers once more, with guest memory between inaccessible pages, in a process that a stray access ends. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runGuarded, type Stray } from '#dist/test/support/guard-pages.js';

const VITEST = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const RUN = [VITEST, 'run', '--project', 'unit', '--reporter', 'tap', '--no-color'];
const DRIVERS = 'survives a wrong driver|survives memory that reads';

/** Of each kind: guards outlive their memory, and a process may have some 65,000 mappings (vm.max_map_count). */
const MOST_RUNS = 2000;
const asked = process.env.IOREGION_QUEUE_RUNS;
const runs = asked === undefined ? {} : { IOREGION_QUEUE_RUNS: String(Math.min(Number(asked), MOST_RUNS)) };

const runDrivers = (stray?: Stray) =>
  runGuarded([...RUN, 'test/unit/virtio/queue/properties.test.ts', '-t', DRIVERS], stray, runs);

const MAPPING = `
  const { GuestMemory } = await import('${new URL('../../../../dist/src/memory/index.js', import.meta.url)}');
  GuestMemory.create(4096).close();`;

describe('guest memory between inaccessible pages', () => {
  test.each(['before', 'behind'] as const)('ends the process that touches a byte %s it', async (stray) => {
    const run = (how?: Stray) => runGuarded(['--input-type=module', '--eval', MAPPING], how);
    expect(await run()).toMatchObject({ code: 0, signal: null });
    expect((await run(stray)).signal).toBe('SIGSEGV');
  });

  test('is all that random wrong drivers make the engine, and the kernel at its addresses, reach', async () => {
    const { code, output } = await runDrivers();
    expect(output).toContain('survives a wrong driver');
    expect(code, output).toBe(0);
  });

  test('is left by native reads that are one page too long, and that is seen', async () => {
    const { code, output } = await runDrivers('io');
    expect(output).toMatch(/not ok .*survives a wrong driver/);
    expect(code).toBe(1);
  });
});
