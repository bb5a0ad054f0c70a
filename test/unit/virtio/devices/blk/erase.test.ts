/** Discard and write-zeroes (5.2.6). */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { BlockFeature, BlockRequestType, BlockStatus, SECTOR_BYTES } from 'ioregion/virtio';
import { describe, expect, it } from 'vitest';
import {
  BlockDriver,
  firstDifference,
  header,
  IMAGE_DIRECTORIES,
  makeImage,
  patternOf,
  type Range,
  ranges,
} from '../../../../support/block-driver.js';
import { FILE_IO_ENGINES } from '../../../../support/io-uring.js';
import { describeWhere } from '../../../../support/require.js';

const SECTORS = 1024;
const UNMAP = 1;
const { ok, ioError, unsupported } = BlockStatus;

function withZeroes(list: readonly Range[]): Buffer {
  const expected = Buffer.from(patternOf(SECTORS));
  for (const { sector, sectors } of list)
    expected.fill(0, Number(sector) * SECTOR_BYTES, (Number(sector) + sectors) * SECTOR_BYTES);
  return expected;
}

const allocatedBlocks = (path: string) => statSync(path).blocks;

for (const { engine, needs } of FILE_IO_ENGINES) {
  for (const directory of IMAGE_DIRECTORIES) {
    describeWhere(needs, `erasing by ${engine} in ${directory}`, () => {
      const open = () => {
        const path = makeImage(patternOf(SECTORS), directory);
        return { path, driver: BlockDriver.open({ path, engine }) };
      };
      const list = [
        { sector: 8, sectors: 64 },
        { sector: 800, sectors: 0 },
        { sector: SECTORS - 9, sectors: 9 },
      ];

      it('discards ranges, which gives space back and reads as zeroes here', async () => {
        const { path, driver } = open();
        const before = allocatedBlocks(path);
        expect((await driver.discard(list)).status).toBe(ok);
        expect(firstDifference(readFileSync(path), withZeroes(list))).toBe(-1);
        expect(allocatedBlocks(path)).toBeLessThan(before);
      });

      it('writes zeroes to ranges and keeps their space', async () => {
        const { path, driver } = open();
        const before = allocatedBlocks(path);
        expect((await driver.writeZeroes(list)).status).toBe(ok);
        expect(firstDifference(readFileSync(path), withZeroes(list))).toBe(-1);
        execFileSync('sync', ['-d', path]);
        expect(allocatedBlocks(path)).toBeGreaterThanOrEqual(before);
      });

      it('gives their space back where the driver allows it', async () => {
        const { path, driver } = open();
        const before = allocatedBlocks(path);
        const unmapped = list.map((range) => ({ ...range, flags: UNMAP }));
        expect((await driver.writeZeroes(unmapped)).status).toBe(ok);
        expect(firstDifference(readFileSync(path), withZeroes(list))).toBe(-1);
        expect(allocatedBlocks(path)).toBeLessThan(before);
      });

      it('leaves nothing of a later write undone', async () => {
        const { path, driver } = open();
        await driver.writeZeroes([{ sector: 0, sectors: 100 }]);
        await driver.write(50, patternOf(1, 200));
        const expected = withZeroes([{ sector: 0, sectors: 100 }]);
        expected.set(patternOf(1, 200), 50 * SECTOR_BYTES);
        expect(firstDifference(readFileSync(path), expected)).toBe(-1);
      });

      it('is safe on stable storage where the cache is writethrough', async () => {
        const path = makeImage(patternOf(SECTORS), directory);
        const driver = BlockDriver.open({ path, engine, cache: 'writethrough' });
        expect((await driver.writeZeroes(list)).status).toBe(ok);
        expect((await driver.discard(list)).status).toBe(ok);
        expect(firstDifference(readFileSync(path), withZeroes(list))).toBe(-1);
      });
    });
  }
}

describe('a file system without holes', () => {
  it('has zeroes written, in pieces, and discards forgotten', async () => {
    const sectors = 32 * 2048;
    const path = makeImage(new Uint8Array(sectors * SECTOR_BYTES).fill(7), '/dev/shm');
    const driver = BlockDriver.open({ path, engine: 'sync' });
    // tmpfs cannot zero a range while keeping it: 32 MiB less one sector take many system calls of 128 x 64 KiB at most.
    expect((await driver.writeZeroes([{ sector: 1, sectors: sectors - 1 }])).status).toBe(ok);
    const content = readFileSync(path);
    expect(content.subarray(0, SECTOR_BYTES).every((byte) => byte === 7)).toBe(true);
    expect(content.indexOf(7, SECTOR_BYTES)).toBe(-1);
    expect(content.length).toBe(sectors * SECTOR_BYTES);
  });
});

describe('a wrong erasure', () => {
  const open = (features?: bigint) => {
    const path = makeImage(patternOf(SECTORS));
    return { path, driver: BlockDriver.open({ path }, features === undefined ? {} : { features }) };
  };
  const right: Range = { sector: 0, sectors: 8 };

  const cases: [string, readonly Range[], number][] = [
    ['with a range that ends beyond the disk', [right, { sector: SECTORS - 1, sectors: 2 }], ioError],
    ['with a range that begins beyond it', [right, { sector: 2n ** 64n - 1n, sectors: 1 }], ioError],
    ['with more sectors than the limit', [{ sector: 0, sectors: 0xffff_ffff }], ioError],
    ['with more ranges than the limit', Array<Range>(17).fill(right), ioError],
    ['without a range', [], ioError],
    ['with an unknown flag', [right, { ...right, flags: 2 }], unsupported],
    ['with bit 31 of the flags', [right, { ...right, flags: 0x8000_0000 }], unsupported],
  ];

  it.each(cases)('%s is refused before anything is erased', async (_, list, expected) => {
    const { path, driver } = open();
    expect((await driver.discard(list)).status).toBe(expected);
    expect((await driver.writeZeroes(list)).status).toBe(expected);
    expect(firstDifference(readFileSync(path), patternOf(SECTORS))).toBe(-1);
  });

  it('with the unmap flag is refused for discard (5.2.6.2)', async () => {
    const { driver } = open();
    expect((await driver.discard([{ ...right, flags: UNMAP }])).status).toBe(unsupported);
  });

  it('with half a range is refused', async () => {
    const { driver } = open();
    const bytes = ranges([right, right]).subarray(0, 24);
    const { status } = await driver.request([{ bytes: header(BlockRequestType.discard) }, { bytes }, { room: 1 }]);
    expect(status).toBe(ioError);
  });

  it('that was not negotiated is unsupported', async () => {
    const { path, driver } = open(BlockFeature.flush);
    expect((await driver.discard([right])).status).toBe(unsupported);
    expect((await driver.writeZeroes([right])).status).toBe(unsupported);
    expect(firstDifference(readFileSync(path), patternOf(SECTORS))).toBe(-1);
  });

  it('is not offered as discard where that is switched off', () => {
    const driver = BlockDriver.open({ path: makeImage(patternOf(8)), discard: false });
    expect(driver.device.features & (BlockFeature.discard | BlockFeature.writeZeroes)).toBe(BlockFeature.writeZeroes);
  });
});
