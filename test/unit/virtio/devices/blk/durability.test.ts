/**
 * Which completed writes a power cut would take (5.2.6.2). The kernel is asked which pages of the image are not on the
 * disk yet, so that these tests fail where an fdatasync is missing or too early.
 */
import { BlockFeature, BlockStatus, SECTOR_BYTES } from 'ioregion/virtio';
import { expect, it } from 'vitest';
import { BlockDriver, makeImage, patternOf } from '../../../../support/block-driver.js';
import { FILE_IO_ENGINES } from '../../../../support/io-uring.js';
import { PageCache, writeBackCache } from '../../../../support/page-cache.js';
import { describeWhere } from '../../../../support/require.js';
import { temporaryDirectory } from '../../../../support/temporary.js';

const SECTORS = 2048;
const WRITEBACK_OFFSET = 32;
const { flush, configWce } = BlockFeature;

for (const { engine, needs } of FILE_IO_ENGINES) {
  describeWhere([writeBackCache('/tmp'), ...needs], `a write by ${engine}`, () => {
    const cache = new PageCache(temporaryDirectory());

    async function open(features: bigint, mode: 'writeback' | 'writethrough' = 'writeback', queues = 1) {
      const path = makeImage(patternOf(SECTORS));
      const driver = BlockDriver.open({ path, engine, cache: mode, queues }, { features });
      await driver.flush();
      expect(cache.unsafePages(path)).toBe(0);
      return { path, driver };
    }

    async function writeSome(driver: BlockDriver, queue = 0): Promise<void> {
      const writes = [0, 1, 2, 3].map((i) => driver.write(i * 128, patternOf(8, i), queue));
      for (const { status } of await Promise.all(writes)) expect(status).toBe(BlockStatus.ok);
    }

    it('is in the cache when it completes, and on the disk when a later flush does (case 3)', async () => {
      const { path, driver } = await open(flush);
      for (let round = 0; round < 3; round++) {
        await writeSome(driver);
        expect(cache.unsafePages(path)).toBeGreaterThan(0);
        expect((await driver.flush()).status).toBe(BlockStatus.ok);
        expect(cache.unsafePages(path)).toBe(0);
      }
    });

    it('is covered by a flush on another queue', async () => {
      const { path, driver } = await open(flush | BlockFeature.mq, 'writeback', 2);
      await writeSome(driver, 0);
      expect((await driver.flush(1)).status).toBe(BlockStatus.ok);
      expect(cache.unsafePages(path)).toBe(0);
    });

    it('is on the disk when it completes where the driver neither flushes nor chooses (case 1)', async () => {
      const { path, driver } = await open(0n);
      await writeSome(driver);
      expect(cache.unsafePages(path)).toBe(0);
    });

    it('is so where the device was made writethrough', async () => {
      const { path, driver } = await open(flush, 'writethrough');
      await writeSome(driver);
      expect(cache.unsafePages(path)).toBe(0);
    });

    it('is so while the driver has the writeback field at 0 (case 2)', async () => {
      const { path, driver } = await open(flush | configWce);
      driver.device.config.write(WRITEBACK_OFFSET, Uint8Array.of(0));
      await writeSome(driver);
      expect(cache.unsafePages(path)).toBe(0);
      driver.device.config.write(WRITEBACK_OFFSET, Uint8Array.of(1));
      await writeSome(driver);
      expect(cache.unsafePages(path)).toBeGreaterThan(0);
    });

    it('of zeroes is so too', async () => {
      const { path, driver } = await open(flush | BlockFeature.writeZeroes, 'writethrough');
      const { status } = await driver.writeZeroes([{ sector: 1, sectors: 9 }]);
      expect(status).toBe(BlockStatus.ok);
      expect(cache.unsafePages(path)).toBe(0);
      expect((await driver.read(1, SECTOR_BYTES)).data).toEqual(new Uint8Array(SECTOR_BYTES));
    });
  });
}
