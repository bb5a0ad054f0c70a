/** Hostile 20 and 4: a request is its bytes, however the driver cuts them into descriptors (2.7.4). */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { GuestMemory } from 'ioregion/memory';
import { BlockRequestType, BlockStatus, SECTOR_BYTES } from 'ioregion/virtio';
import { describe, expect, it } from 'vitest';
import { BlockDriver, firstDifference, header, makeImage, patternOf } from '../../../../support/block-driver.js';
import type { Segment } from '../../../../support/direct-driver.js';
import { FILE_IO_ENGINES } from '../../../../support/io-uring.js';
import { describeWhere } from '../../../../support/require.js';

const SECTORS = 512;

/** Cuts `bytes` at the given positions. */
function cutBytes(bytes: Uint8Array, cuts: readonly number[]): Segment[] {
  const ends = [...new Set(cuts.filter((cut) => cut < bytes.length)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => ({ bytes: bytes.subarray(ends[i - 1] ?? 0, end) }));
}

function cutRoom(room: number, cuts: readonly number[]): Segment[] {
  return cutBytes(new Uint8Array(room), cuts).map((segment) => ({
    room: (segment as { bytes: Uint8Array }).bytes.length,
  }));
}

const everyByte = (length: number) => Array.from({ length }, (_, i) => i);

for (const { engine, needs } of FILE_IO_ENGINES) {
  describeWhere(needs, `the framing of requests by ${engine}`, () => {
    it('may put each byte of the header into a descriptor of its own', async () => {
      const driver = BlockDriver.open({ path: makeImage(patternOf(SECTORS)), engine });
      const segments = [
        ...cutBytes(header(BlockRequestType.in, 3), everyByte(16)),
        { room: SECTOR_BYTES },
        { room: 1 },
      ];
      const { status, data } = await driver.request(segments);
      expect(status).toBe(BlockStatus.ok);
      expect(data).toEqual(patternOf(1, 3));
    });

    it('may put header and data into one descriptor, data and status into another', async () => {
      const path = makeImage(patternOf(SECTORS));
      const driver = BlockDriver.open({ path, engine });
      const request = Uint8Array.of(...header(BlockRequestType.out, 8), ...patternOf(2, 77));
      expect((await driver.request([{ bytes: request }, { room: 1 }])).status).toBe(BlockStatus.ok);
      const { data } = await driver.request([
        { bytes: header(BlockRequestType.in, 8) },
        { room: 2 * SECTOR_BYTES + 1 },
      ]);
      expect(data).toEqual(patternOf(2, 77));
    });

    it('may have more pieces than one system call takes', async () => {
      const driver = BlockDriver.open({ path: makeImage(patternOf(SECTORS)), engine, queueSize: 1024 });
      const bytes = 200 * SECTOR_BYTES;
      const cuts = everyByte(900).map((i) => i * 100 + 1);
      const { status, data, written } = await driver.request([
        { bytes: header(BlockRequestType.in, 100) },
        ...cutRoom(bytes + 1, cuts),
      ]);
      expect([status, written]).toEqual([BlockStatus.ok, bytes + 1]);
      expect(data).toEqual(patternOf(200, 100));
    });

    it('may lie in several regions of memory, in the middle of a sector', async () => {
      const memory = GuestMemory.fromLayout([
        { gpa: 0, size: 0x200000 },
        { gpa: 0x200000, size: 0x1000 },
        { gpa: 0x201000, size: 0x10000 },
      ]);
      const driver = BlockDriver.open({ path: makeImage(patternOf(SECTORS)), engine }, { memory });
      const room = 20 * SECTOR_BYTES;
      const { status, data } = await driver.request([
        { bytes: header(BlockRequestType.in, 1) },
        { room, gpa: 0x200000 - 700 },
        { room: 1 },
      ]);
      expect(status).toBe(BlockStatus.ok);
      expect(data).toEqual(patternOf(20, 1));
    });

    it('makes no difference: any cut of any request', async () => {
      const path = makeImage(patternOf(SECTORS));
      const driver = BlockDriver.open({ path, engine });
      const expected = patternOf(SECTORS);
      const cuts = fc.array(fc.nat(8 * SECTOR_BYTES), { maxLength: 40 });
      const request = fc.record({
        write: fc.boolean(),
        sector: fc.nat(SECTORS - 8),
        sectors: fc.integer({ min: 0, max: 8 }),
        fill: fc.nat(255),
        cuts,
        otherCuts: cuts,
      });
      const attempt = fc.asyncProperty(request, async ({ write, sector, sectors, fill, cuts: first, otherCuts }) => {
        const length = sectors * SECTOR_BYTES;
        if (write) {
          const bytes = new Uint8Array(16 + length).fill(fill);
          bytes.set(header(BlockRequestType.out, sector));
          expected.fill(fill, sector * SECTOR_BYTES, sector * SECTOR_BYTES + length);
          const { status } = await driver.request([...cutBytes(bytes, first), { room: 1 }]);
          expect(status).toBe(BlockStatus.ok);
          return;
        }
        const head = cutBytes(header(BlockRequestType.in, sector), first);
        const { status, data } = await driver.request([...head, ...cutRoom(length + 1, otherCuts)]);
        expect(status).toBe(BlockStatus.ok);
        expect(data).toEqual(expected.slice(sector * SECTOR_BYTES, sector * SECTOR_BYTES + length));
      });
      await fc.assert(attempt, { numRuns: 200 });
      expect(firstDifference(readFileSync(path), expected)).toBe(-1);
    });
  });
}

describe('a chain that is no request', () => {
  const open = () => BlockDriver.open({ path: makeImage(patternOf(8)) });

  it('without room for a status is given back with nothing written, and counted', async () => {
    const driver = open();
    const { written } = await driver.send([{ bytes: header(BlockRequestType.in, 0) }]);
    expect(written).toBe(0);
    expect(driver.device.counters.malformed).toBe(1);
    expect((await driver.read(0, SECTOR_BYTES)).status).toBe(BlockStatus.ok);
  });

  it('with half a header gets an I/O error', async () => {
    const driver = open();
    const { status } = await driver.request([{ bytes: header(BlockRequestType.in, 0).subarray(0, 15) }, { room: 513 }]);
    expect(status).toBe(BlockStatus.ioError);
  });

  it('without a header gets an I/O error, and zeroes instead of what was there', async () => {
    const driver = open();
    driver.memory.fill(0x300000, 100, 0xaa);
    const { status, data, written } = await driver.request([{ room: 100, gpa: 0x300000 }]);
    expect([status, written]).toEqual([BlockStatus.ioError, 100]);
    expect(data).toEqual(new Uint8Array(99));
  });
});
