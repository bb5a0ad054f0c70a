/** Random right and random wrong drivers. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { BlockStatus, SECTOR_BYTES } from 'ioregion/virtio';
import { expect, it } from 'vitest';
import {
  type BlockAnswer,
  BlockDriver,
  firstDifference,
  header,
  makeImage,
  patternOf,
  type Range,
} from '../../../../support/block-driver.js';
import type { Segment } from '../../../../support/direct-driver.js';
import { FILE_IO_ENGINES } from '../../../../support/io-uring.js';
import { describeWhere } from '../../../../support/require.js';

const SECTORS = 256;
const MAX_SECTORS = 16;

interface Step {
  kind: 'read' | 'write' | 'discard' | 'zeroes' | 'flush' | 'reset';
  sector: number;
  sectors: number;
  value: number;
  queue: number;
}

const step = fc.record<Step>({
  kind: fc.constantFrom('read', 'read', 'write', 'write', 'discard', 'zeroes', 'flush', 'reset'),
  sector: fc.nat(SECTORS - MAX_SECTORS),
  sectors: fc.nat(MAX_SECTORS),
  value: fc.nat(255),
  queue: fc.nat(1),
});

/** Does the step on the disk and on `model`; what a discard leaves is zero here. */
async function take(driver: BlockDriver, model: Uint8Array, { kind, sector, sectors, value, queue }: Step) {
  const [from, length] = [sector * SECTOR_BYTES, sectors * SECTOR_BYTES];
  const range: Range = { sector, sectors, flags: kind === 'zeroes' ? value & 1 : 0 };
  let answer: BlockAnswer | undefined;
  if (kind === 'read') answer = await driver.read(sector, length, queue);
  else if (kind === 'write') answer = await driver.write(sector, new Uint8Array(length).fill(value), queue);
  else if (kind === 'discard') answer = await driver.discard([range]);
  else if (kind === 'zeroes') answer = await driver.writeZeroes([range]);
  else if (kind === 'flush') answer = await driver.flush(queue);
  else await driver.reset().then(() => driver.start());
  if (kind === 'write') model.fill(value, from, from + length);
  if (kind === 'discard' || kind === 'zeroes') model.fill(0, from, from + length);
  if (kind === 'read') expect(firstDifference(answer!.data, model.subarray(from, from + length))).toBe(-1);
  if (answer !== undefined) expect(answer.status).toBe(BlockStatus.ok);
}

/** Anything for a chain, often nearly right. */
const garbage: fc.Arbitrary<Segment[]> = fc
  .record({
    type: fc.oneof(fc.nat(15), fc.nat(0xffff_ffff)),
    sector: fc.oneof(fc.nat(2 * SECTORS).map(BigInt), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
    cut: fc.integer({ min: 1, max: 16 }),
    readable: fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 3 }),
    writable: fc.array(fc.nat(2000), { maxLength: 3 }),
  })
  .map(({ type, sector, cut, readable, writable }) => [
    { bytes: header(type, sector).subarray(0, cut) },
    ...readable.map((bytes) => ({ bytes })),
    ...writable.map((room) => ({ room })),
  ]);

for (const { engine, needs } of FILE_IO_ENGINES) {
  describeWhere(needs, `a disk by ${engine}`, () => {
    it('does what the model does for every right driver, reset at any moment', async () => {
      const path = makeImage(patternOf(SECTORS));
      const driver = BlockDriver.open({ path, engine, queues: 2 });
      const model = patternOf(SECTORS);
      const run = fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        for (const each of steps) await take(driver, model, each);
      });
      await fc.assert(run, { numRuns: 40 });
      expect(firstDifference(readFileSync(path), model)).toBe(-1);
    });

    it('keeps sectors apart that are written at the same time', async () => {
      const path = makeImage(patternOf(SECTORS));
      const driver = BlockDriver.open({ path, engine, queues: 2 });
      const model = patternOf(SECTORS);
      for (let round = 0; round < 20; round++) {
        const writes = Array.from({ length: 32 }, (_, i) => {
          const bytes = new Uint8Array(8 * SECTOR_BYTES).fill(round * 7 + i);
          model.set(bytes, i * bytes.length);
          return driver.write(i * 8, bytes, i % 2);
        });
        for (const { status } of await Promise.all(writes)) expect(status).toBe(BlockStatus.ok);
        expect(firstDifference(readFileSync(path), model)).toBe(-1);
      }
    });

    it('answers every wrong driver, and serves another queue all the while', async () => {
      const driver = BlockDriver.open({ path: makeImage(patternOf(SECTORS)), engine, queues: 2, readonly: true });
      const run = fc.asyncProperty(garbage, async (segments) => {
        const room = segments.reduce((sum, segment) => sum + ('room' in segment ? segment.room : 0), 0);
        const { written } = await driver.send(segments, 0);
        expect(written).toBe(room);
        const { data } = await driver.read(5, SECTOR_BYTES, 1);
        expect(firstDifference(data, patternOf(1, 5))).toBe(-1);
      });
      await fc.assert(run, { numRuns: 400 });
      expect(driver.engine(0).failure).toBeNull();
    });
  });
}
