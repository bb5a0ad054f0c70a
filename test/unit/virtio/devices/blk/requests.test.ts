import { readFileSync } from 'node:fs';
import { BlockRequestType, BlockStatus, SECTOR_BYTES } from 'ioregion/virtio';
import { expect, it } from 'vitest';
import {
  BlockDriver,
  firstDifference,
  header,
  IMAGE_DIRECTORIES,
  makeImage,
  patternOf,
} from '../../../../support/block-driver.js';
import { FILE_IO_ENGINES } from '../../../../support/io-uring.js';
import { describeWhere } from '../../../../support/require.js';

const SECTORS = 64;

for (const { engine, needs } of FILE_IO_ENGINES) {
  for (const directory of IMAGE_DIRECTORIES) {
    describeWhere(needs, `a disk by ${engine} in ${directory}`, () => {
      const image = () => makeImage(patternOf(SECTORS), directory);

      it('reads sectors (5.2.6)', async () => {
        const driver = BlockDriver.open({ path: image(), engine });
        const { status, data, written } = await driver.read(7, 3 * SECTOR_BYTES);
        expect([status, written]).toEqual([BlockStatus.ok, 3 * SECTOR_BYTES + 1]);
        expect(data).toEqual(patternOf(3, 7));
      });

      it('writes sectors, and nothing beside them (5.2.6)', async () => {
        const path = image();
        const driver = BlockDriver.open({ path, engine });
        const data = patternOf(2, 100);
        const { status, written } = await driver.write(5, data);
        expect([status, written]).toEqual([BlockStatus.ok, 1]);
        const expected = patternOf(SECTORS);
        expected.set(data, 5 * SECTOR_BYTES);
        expect(firstDifference(readFileSync(path), expected)).toBe(-1);
      });

      it('answers many requests of one kick', async () => {
        const driver = BlockDriver.open({ path: image(), engine });
        const answers = Array.from({ length: SECTORS }, (_, sector) =>
          driver.add([{ bytes: header(BlockRequestType.in, sector) }, { room: SECTOR_BYTES + 1 }]),
        );
        driver.kick();
        const data = (await Promise.all(answers)).map((answer) => answer.data);
        data.forEach((sector, n) => {
          expect(sector).toEqual(Uint8Array.of(...patternOf(1, n), BlockStatus.ok));
        });
      });

      it('flushes (5.2.6)', async () => {
        const driver = BlockDriver.open({ path: image(), engine });
        await driver.write(0, patternOf(1, 9));
        const { status, written } = await driver.flush();
        expect([status, written]).toEqual([BlockStatus.ok, 1]);
        expect(driver.device.counters.flushes).toBe(1);
      });
    });
  }
}
