/**
 * Random drivers, right and wrong. IOREGION_QUEUE_RUNS sets how many of each (`npm run soak queue` has the full count);
 * fast-check prints the seed and the path of one that fails.
 */
import fc from 'fast-check';
import { GuestMemory } from 'ioregion/memory';
import { GuardedMemory } from 'ioregion/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { RightDriver, steps } from './right-driver.js';
import { FORMATS, type Format, SET_UPS, type SetUp, Subject, setUp } from './subject.js';
import { type Deed, deeds, FreshBytes, LAYOUT, WrongDriver } from './wrong-driver.js';

const runs = Number(process.env.IOREGION_QUEUE_RUNS ?? 150);
const memory = GuestMemory.create(4 << 20);
afterAll(() => memory.close());

const ofFormat = (format: Format) => SET_UPS.filter(({ name }) => name.startsWith(format));

/** Small ones mostly, where everything happens soon. */
function sizes(format: Format, most: number): fc.Arbitrary<number> {
  if (format === 'split') {
    const powers = fc.nat(Math.log2(most)).map((bits) => 2 ** bits);
    return fc.oneof({ weight: 20, arbitrary: fc.nat(4).map((bits) => 2 ** bits) }, { weight: 1, arbitrary: powers });
  }
  return fc.oneof(
    { weight: 20, arbitrary: fc.integer({ min: 1, max: 12 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: most }) },
  );
}

/** Where a ring of this size may begin; near its wraps mostly. */
function positions(format: Format, size: number): fc.Arbitrary<number | undefined> {
  const index = fc.oneof(fc.integer({ min: 0xfff0, max: 0xffff }), fc.nat(0xffff));
  const offset = fc.tuple(fc.oneof(fc.constant(size - 1), fc.nat(size - 1)), fc.constantFrom(0, 0x8000));
  return fc.option(format === 'split' ? index : offset.map(([at, wrap]) => at | wrap), { nil: undefined });
}

function rings(
  format: Format,
  most: number,
): fc.Arbitrary<{ made: SetUp; size: number; position: number | undefined }> {
  return sizes(format, most).chain((size) =>
    fc.record({
      made: fc.constantFrom(...ofFormat(format)),
      size: fc.constant(size),
      position: positions(format, size),
    }),
  );
}

type Survival = [{ made: SetUp; size: number; position: number | undefined }, Deed[], number];

/** What once went wrong: flags that change between two looks can show more descriptors than a ring has. */
function foundBefore(format: Format): Survival[] {
  if (format === 'split') return [];
  const flags = { index: 0, address: 0, length: 0, flags: 0x8000, link: 0 };
  return [[{ made: setUp('packed'), size: 1, position: 0 }, [{ do: 'descriptor', ...flags }], 1_033_118_935]];
}

describe.each(FORMATS)('a %s ring', (format) => {
  test('keeps all its promises to a right driver, whatever the order of the steps', () => {
    const keeps = fc.property(rings(format, 32768), fc.array(steps, { maxLength: 80 }), (ring, sequence) => {
      const driver = new RightDriver({ ...ring, memory });
      for (const step of sequence) driver.carryOut(step);
      driver.finish();
    });
    fc.assert(keeps, { numRuns: runs });
  });

  test('survives a wrong driver: within its memory, within its bounds, and right again after a reset', () => {
    const survives = fc.property(
      rings(format, 256),
      fc.array(deeds(format), { maxLength: 40 }),
      fc.nat(),
      (ring, sequence, seed) => {
        using guarded = GuardedMemory.create(LAYOUT);
        const driver = new WrongDriver({ ...ring, memory: guarded.memory, seed });
        for (const deed of sequence) driver.carryOut(deed);
        driver.finish();
        expect(guarded.intact).toBe(true);
        const after = new Subject(ring.made, { size: Math.max(ring.size, 2), memory: guarded.memory });
        for (let round = 0; round < 3; round++) after.exchange();
      },
    );
    fc.assert(survives, { numRuns: runs });
  });

  test('survives memory that reads as something else each time: no double fetch', () => {
    const survives = fc.property(
      rings(format, 256),
      fc.array(deeds(format), { maxLength: 40 }),
      fc.nat(),
      (ring, sequence, seed) => {
        using guarded = GuardedMemory.create(LAYOUT);
        const fresh = new FreshBytes(seed);
        const driver = new WrongDriver({ ...ring, memory: guarded.memory, seed, fresh });
        for (const deed of sequence) driver.carryOut(deed);
        driver.finish();
        expect(guarded.intact).toBe(true);
      },
    );
    fc.assert(survives, { numRuns: runs, examples: foundBefore(format) });
  });
});

test('wrong drivers, one after the other, do not make the process grow', () => {
  const grow = (count: number) => {
    for (let seed = 0; seed < count; seed++) {
      const made = SET_UPS[seed % SET_UPS.length]!;
      const driver = new WrongDriver({ made, size: 64, position: undefined, memory, seed });
      const sample = fc.sample(deeds(made.name.startsWith('split') ? 'split' : 'packed'), { seed, numRuns: 20 });
      for (const deed of sample) driver.carryOut(deed);
      driver.finish();
    }
    return process.memoryUsage().arrayBuffers;
  };
  const before = grow(50);
  expect(grow(runs) - before).toBeLessThan(64 << 20);
});
