/** What a driver must not be able to do: hostile 35, 36, 46. */
import { readFileSync, truncateSync } from 'node:fs';
import { BlockFeature, BlockRequestType, BlockStatus, SECTOR_BYTES } from 'ioregion/virtio';
import { describe, expect, it } from 'vitest';
import { BlockDriver, firstDifference, header, makeImage, patternOf } from '../../../../support/block-driver.js';

const SECTORS = 64;
const { ok, ioError, unsupported } = BlockStatus;

function open(options: { readonly?: boolean } = {}) {
  const path = makeImage(patternOf(SECTORS));
  return { path, driver: BlockDriver.open({ path, ...options }) };
}

describe('a request beyond the disk (hostile 35)', () => {
  const beyond: [string, bigint, number][] = [
    ['ends one sector after it', BigInt(SECTORS - 1), 2 * SECTOR_BYTES],
    ['begins at its end', BigInt(SECTORS), SECTOR_BYTES],
    ['begins after its end', BigInt(SECTORS + 1), 0],
    ['has a byte offset of 2^64', 2n ** 55n, SECTOR_BYTES],
    ['has a byte offset that wraps to 0', 2n ** 64n / 512n, SECTOR_BYTES],
    ['has a last sector that wraps', 2n ** 64n - 1n, 2 * SECTOR_BYTES],
    ['has a sector with bit 63', 2n ** 63n, SECTOR_BYTES],
    ['has a sector with bit 31', 2n ** 31n, SECTOR_BYTES],
    ['has a sector that a number cannot hold', 2n ** 53n + 1n, SECTOR_BYTES],
  ];

  it.each(beyond)('that %s is refused, and nothing moves', async (_, sector, bytes) => {
    const { driver, path } = open();
    expect((await driver.write(sector, new Uint8Array(bytes).fill(0xee))).status).toBe(ioError);
    const { status, data } = await driver.read(sector, bytes);
    expect(status).toBe(ioError);
    expect(data).toEqual(new Uint8Array(bytes));
    expect(firstDifference(readFileSync(path), patternOf(SECTORS))).toBe(-1);
  });

  it('up to the last byte is served', async () => {
    const { driver } = open();
    const { status, data } = await driver.read(SECTORS - 1, SECTOR_BYTES);
    expect([status, data]).toEqual([ok, patternOf(1, SECTORS - 1)]);
    expect((await driver.read(SECTORS, 0)).status).toBe(ok);
    expect((await driver.write(SECTORS, new Uint8Array(0))).status).toBe(ok);
  });

  it.each([1, 511, 513, 1000])('of %i bytes, no whole sectors, is refused (5.2.6.1)', async (bytes) => {
    const { driver, path } = open();
    expect((await driver.read(0, bytes)).status).toBe(ioError);
    expect((await driver.write(0, new Uint8Array(bytes).fill(0xee))).status).toBe(ioError);
    expect(firstDifference(readFileSync(path), patternOf(SECTORS))).toBe(-1);
  });

  it('of a file that became shorter gets an I/O error, logged once', async () => {
    const { driver, path } = open();
    truncateSync(path, 10 * SECTOR_BYTES);
    for (let round = 0; round < 3; round++) {
      const { status, data, written } = await driver.read(8, 4 * SECTOR_BYTES);
      expect([status, written]).toEqual([ioError, 4 * SECTOR_BYTES + 1]);
      expect(data).toEqual(Uint8Array.of(...patternOf(2, 8), ...new Uint8Array(2 * SECTOR_BYTES)));
    }
    expect(driver.log).toEqual([expect.stringContaining('reading failed (end of file)')]);
    expect(driver.device.counters.errors).toBe(3);
  });
});

describe('a read-only disk (hostile 46)', () => {
  it('refuses writes, whatever the driver negotiated (5.2.6.2)', async () => {
    const path = makeImage(patternOf(SECTORS));
    for (const features of [BlockFeature.ro, 0n, -1n & (2n ** 24n - 1n)]) {
      const driver = BlockDriver.open({ path, readonly: true, lock: false }, { features });
      expect((await driver.write(0, patternOf(1, 99))).status).toBe(ioError);
      for (const erase of [
        driver.discard([{ sector: 0, sectors: 8 }]),
        driver.writeZeroes([{ sector: 0, sectors: 8 }]),
      ])
        expect([ioError, unsupported]).toContain((await erase).status);
      expect((await driver.read(1, SECTOR_BYTES)).data).toEqual(patternOf(1, 1));
      expect((await driver.flush()).status).toBe(ok);
    }
    expect(firstDifference(readFileSync(path), patternOf(SECTORS))).toBe(-1);
  });

  it('offers RO and nothing that writes', () => {
    const { driver } = open({ readonly: true });
    const { features } = driver.device;
    expect(features & BlockFeature.ro).not.toBe(0n);
    expect(features & (BlockFeature.discard | BlockFeature.writeZeroes)).toBe(0n);
  });
});

describe('a request the device does not know', () => {
  const unknown: [string, number][] = [
    ['SCSI command (hostile 36)', BlockRequestType.scsiCommand],
    ['SCSI command out (hostile 36)', 3],
    ['get lifetime', 10],
    ['secure erase', 14],
    ['zone append', 15],
    ['zone report', 16],
    ['barrier', 0x8000_0000],
    ['write with the barrier bit', 0x8000_0001],
    ['nothing defined', 0xffff_ffff],
  ];

  it.each(unknown)('is answered with UNSUPP: %s', async (_, type) => {
    const { driver, path } = open();
    const segments = [{ bytes: header(type, 0) }, { bytes: new Uint8Array(SECTOR_BYTES).fill(0xee) }, { room: 97 }];
    const { status, written } = await driver.request(segments);
    expect([status, written]).toEqual([unsupported, 97]);
    expect(driver.device.counters.unsupported).toBe(1);
    expect(firstDifference(readFileSync(path), patternOf(SECTORS))).toBe(-1);
  });

  it('is never offered as a feature', () => {
    const { driver } = open();
    const [barrier, scsi, lifetime, secureErase, zoned] = [0, 7, 15, 16, 17].map((bit) => 1n << BigInt(bit));
    expect(driver.device.features & (barrier! | scsi! | lifetime! | secureErase! | zoned!)).toBe(0n);
  });
});

describe('the ID of a disk', () => {
  it.each([
    ['twenty-characters-lo', 'twenty-characters-lo'],
    ['short', `short${'\0'.repeat(15)}`],
  ])('%s has 20 bytes without a terminator', async (id, expected) => {
    const driver = BlockDriver.open({ path: makeImage(patternOf(1)), id });
    const { status, data } = await driver.getId();
    expect([status, Buffer.from(data).toString('latin1')]).toEqual([ok, expected]);
  });

  it('is made from the file where none is given, and another file has another', async () => {
    const [first, second] = [open(), open()];
    const [a, b] = [await first.driver.getId(), await second.driver.getId()];
    expect(a.data).not.toEqual(b.data);
    expect(a.data).toEqual((await first.driver.getId()).data);
  });

  it('goes into a buffer of any length', async () => {
    const driver = BlockDriver.open({ path: makeImage(patternOf(1)), id: 'abcdef' });
    expect(Buffer.from((await driver.getId(3)).data).toString()).toBe('abc');
    const { data, written } = await driver.getId(30);
    expect([Buffer.from(data).toString('latin1'), written]).toEqual([`abcdef${'\0'.repeat(24)}`, 31]);
    expect((await driver.getId(0)).status).toBe(ok);
  });
});
