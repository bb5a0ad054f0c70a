/** Configuration space and features (5.2.3 to 5.2.5). */
import { truncateSync } from 'node:fs';
import { BlockDevice, type BlockDeviceOptions, BlockFeature, BlockStatus, SECTOR_BYTES } from 'ioregion/virtio';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BlockDriver, makeImage, patternOf } from '../../../../support/block-driver.js';
import { runC } from '../../../../support/c-program.js';

const SECTORS = 64;

const FIELDS = {
  capacity: 8,
  size_max: 4,
  seg_max: 4,
  blk_size: 4,
  physical_block_exp: 1,
  alignment_offset: 1,
  min_io_size: 2,
  opt_io_size: 4,
  wce: 1,
  unused: 1,
  num_queues: 2,
  max_discard_sectors: 4,
  max_discard_seg: 4,
  discard_sector_alignment: 4,
  max_write_zeroes_sectors: 4,
  max_write_zeroes_seg: 4,
  write_zeroes_may_unmap: 1,
} as const;
type Field = keyof typeof FIELDS;

/** Where the kernel's header has the fields. */
const offsets = JSON.parse(
  runC(`
    #include <linux/virtio_blk.h>
    #include <stddef.h>
    #include <stdio.h>
    int main(void) {
      printf("{");
      ${Object.keys(FIELDS)
        .map((name) => `printf("\\"${name}\\": %zu, ", offsetof(struct virtio_blk_config, ${name}));`)
        .join('\n')}
      printf("\\"end\\": 0}");
    }`),
) as Record<Field, number>;

function open(options: Partial<BlockDeviceOptions> = {}): BlockDevice {
  const device = BlockDevice.open({ path: makeImage(patternOf(SECTORS)), ...options });
  onTestFinished(() => device.close());
  return device;
}

function field(device: BlockDevice, name: Field): number {
  const { bytes } = device.config;
  const width = FIELDS[name];
  return bytes.slice(offsets[name], offsets[name] + width).reduceRight((value, byte) => value * 256 + byte, 0);
}

const has = (device: BlockDevice, feature: bigint) => (device.features & feature) !== 0n;

describe('the configuration of a disk', () => {
  it('says where it is large and how it is best used', () => {
    const device = open({ queueSize: 128 });
    expect(field(device, 'capacity')).toBe(SECTORS);
    expect(field(device, 'seg_max')).toBe(126);
    expect(field(device, 'blk_size')).toBe(512);
    expect(2 ** field(device, 'physical_block_exp') * 512).toBe(4096);
    expect([field(device, 'alignment_offset'), field(device, 'min_io_size'), field(device, 'opt_io_size')]).toEqual([
      0, 8, 0,
    ]);
    expect(field(device, 'max_discard_sectors')).toBeGreaterThan(0);
    expect(field(device, 'max_write_zeroes_sectors')).toBeGreaterThan(0);
    expect([field(device, 'max_discard_seg'), field(device, 'max_write_zeroes_seg')]).toEqual([16, 16]);
    expect([field(device, 'discard_sector_alignment'), field(device, 'write_zeroes_may_unmap')]).toEqual([8, 1]);
  });

  it('has zero padding, and ends where the features end (5.2.5.2)', () => {
    const device = open();
    expect(field(device, 'unused')).toBe(0);
    expect(device.config.bytes).toHaveLength(60);
    expect([...device.config.bytes.slice(57)]).toEqual([0, 0, 0]);
  });

  it('follows the options', () => {
    const device = open({ queues: 4, blockSize: 4096, segMax: 7, sizeMax: 65536 });
    expect(field(device, 'num_queues')).toBe(4);
    expect(field(device, 'blk_size')).toBe(4096);
    expect([field(device, 'physical_block_exp'), field(device, 'min_io_size')]).toEqual([0, 1]);
    expect([field(device, 'seg_max'), field(device, 'size_max')]).toEqual([7, 65536]);
    expect(device.queueSizes).toEqual([256, 256, 256, 256]);
    expect([BlockFeature.mq, BlockFeature.sizeMax].every((feature) => has(device, feature))).toBe(true);
  });

  it('counts whole blocks only', () => {
    const path = makeImage(new Uint8Array(5 * 4096 + 1000));
    expect(field(open({ path }), 'capacity')).toBe(41);
    expect(field(open({ path, blockSize: 4096, readonly: true, lock: false }), 'capacity')).toBe(40);
  });

  it('of an empty image has no sector', async () => {
    const driver = BlockDriver.open({ path: makeImage(new Uint8Array(0)) });
    expect((await driver.read(0, SECTOR_BYTES)).status).toBe(BlockStatus.ioError);
  });
});

describe('the features of a disk', () => {
  it('always have FLUSH, and CONFIG_WCE only with it (5.2.5.2)', () => {
    for (const readonly of [false, true])
      for (const cache of ['writeback', 'writethrough'] as const) {
        const device = open({ readonly, cache });
        expect([has(device, BlockFeature.flush), has(device, BlockFeature.configWce)]).toEqual([true, true]);
        expect(field(device, 'wce')).toBe(cache === 'writeback' ? 1 : 0);
      }
  });

  it('have MQ where there are several queues', () => {
    expect([has(open(), BlockFeature.mq), has(open({ queues: 2 }), BlockFeature.mq)]).toEqual([false, true]);
  });
});

describe('the writeback field', () => {
  const offset = offsets.wce;

  it('is the only one the driver changes, by a write of any width', () => {
    const device = open();
    const before = device.config.bytes.slice();
    device.config.write(0, new Uint8Array(60).fill(0xff));
    expect(device.config.bytes).toEqual(before);
    device.config.write(offset - 4, new Uint8Array(8));
    expect(field(device, 'wce')).toBe(0);
    device.config.write(offset, Uint8Array.of(0xff));
    expect(field(device, 'wce')).toBe(1);
    device.config.write(offset + 1, Uint8Array.of(0, 0, 0));
    device.config.write(offset - 4, new Uint8Array(4));
    expect(device.config.bytes).toEqual(before);
  });

  it('cannot be written where CONFIG_WCE was not accepted', () => {
    const driver = BlockDriver.open({ path: makeImage(patternOf(1)) }, { features: BlockFeature.flush });
    driver.device.config.write(offset, Uint8Array.of(0));
    expect(field(driver.device, 'wce')).toBe(1);
  });

  it('begins as 0 for a driver that accepts CONFIG_WCE without FLUSH (5.2.5.2)', () => {
    const path = makeImage(patternOf(1));
    const driver = BlockDriver.open({ path }, { features: BlockFeature.configWce });
    expect(field(driver.device, 'wce')).toBe(0);
  });

  it('is as the device was made after a reset', async () => {
    const driver = BlockDriver.open({ path: makeImage(patternOf(1)) });
    driver.device.config.write(offset, Uint8Array.of(0));
    await driver.reset();
    expect(field(driver.device, 'wce')).toBe(1);
  });

  it('is saved and restored, and a state of another shape is refused (hostile 54)', () => {
    const first = open();
    first.config.write(offset, Uint8Array.of(0));
    const second = open();
    second.restore(structuredClone(first.save()));
    expect(field(second, 'wce')).toBe(0);
    for (const state of [undefined, null, 7, 'x', {}, { writeback: 1 }, []])
      expect(() => second.restore(state)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_BLOCK_OPTION' }));
  });
});

describe('a disk that changes its size', () => {
  it('tells the driver, once for each change', async () => {
    const path = makeImage(patternOf(SECTORS));
    const driver = BlockDriver.open({ path });
    expect((await driver.read(SECTORS, SECTOR_BYTES)).status).toBe(BlockStatus.ioError);
    truncateSync(path, 2 * SECTORS * SECTOR_BYTES);
    driver.device.updateCapacity();
    driver.device.updateCapacity();
    expect(driver.configChanges).toBe(1);
    expect(field(driver.device, 'capacity')).toBe(2 * SECTORS);
    expect((await driver.read(SECTORS, SECTOR_BYTES)).status).toBe(BlockStatus.ok);
    truncateSync(path, SECTOR_BYTES);
    driver.device.updateCapacity();
    expect(driver.configChanges).toBe(2);
    expect((await driver.read(1, SECTOR_BYTES)).status).toBe(BlockStatus.ioError);
  });

  it('takes a new size over without a driver too', () => {
    const path = makeImage(patternOf(SECTORS));
    const device = open({ path });
    truncateSync(path, 0);
    device.updateCapacity();
    expect(field(device, 'capacity')).toBe(0);
  });
});

describe('options that no disk can have', () => {
  const wrong: Partial<BlockDeviceOptions>[] = [
    { queues: 0 },
    { queues: 65 },
    { queueSize: 100 },
    { queueSize: 2 },
    { queueSize: 2048 },
    { segMax: 0 },
    { segMax: 257 },
    { sizeMax: 511 },
    { blockSize: 256 },
    { blockSize: 1000 },
    { blockSize: 131072 },
    { id: 'x'.repeat(21) },
    { id: 'ümlaut' },
    { path: '' },
  ];

  it.each(wrong)('are refused: %o', (options) => {
    expect(() => open(options)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_BLOCK_OPTION' }));
  });
});
