/** Block requests for a DirectDriver, and images to make disks of. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BlockDevice, type BlockDeviceOptions, BlockRequestType, SECTOR_BYTES } from 'ioregion/virtio';
import { onTestFinished } from 'vitest';
import { type Answer, DirectDriver, type DriverOptions, type Segment } from './direct-driver.js';

/** Where images are made: a disk's file system, or one in memory. */
export const IMAGE_DIRECTORIES = ['/tmp', '/dev/shm'] as const;

/** Sector n is filled with n modulo 251, so that neighbours differ. */
export function patternOf(sectors: number, first = 0): Uint8Array {
  return Uint8Array.from({ length: sectors * SECTOR_BYTES }, (_, i) => (first + Math.floor(i / SECTOR_BYTES)) % 251);
}

/** The path of an image that vanishes with the test. */
export function makeImage(content: Uint8Array, directory: string = IMAGE_DIRECTORIES[0]): string {
  const home = mkdtempSync(join(directory, 'ioregion-blk-'));
  const path = join(home, 'disk.img');
  writeFileSync(path, content);
  onTestFinished(() => rmSync(home, { recursive: true }));
  return path;
}

export function header(type: number, sector: number | bigint = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setBigUint64(8, BigInt(sector), true);
  return bytes;
}

/** Where two contents differ first, in bytes; -1 where they are equal. Much faster than comparing as objects. */
export function firstDifference(actual: Uint8Array, expected: Uint8Array): number {
  if (Buffer.compare(actual, expected) === 0) return -1;
  const shorter = Math.min(actual.length, expected.length);
  for (let i = 0; i < shorter; i++) if (actual[i] !== expected[i]) return i;
  return shorter;
}

export interface Range {
  sector: number | bigint;
  sectors: number;
  flags?: number;
}

export function ranges(list: readonly Range[]): Uint8Array {
  const bytes = new Uint8Array(16 * list.length);
  const view = new DataView(bytes.buffer);
  list.forEach(({ sector, sectors, flags = 0 }, i) => {
    view.setBigUint64(16 * i, BigInt(sector), true);
    view.setUint32(16 * i + 8, sectors, true);
    view.setUint32(16 * i + 12, flags, true);
  });
  return bytes;
}

export interface BlockAnswer extends Answer {
  readonly status: number;
}

const withStatus = ({ written, data }: Answer): BlockAnswer => ({
  written,
  data: data.subarray(0, -1),
  status: data.at(-1)!,
});

export class BlockDriver extends DirectDriver {
  declare readonly device: BlockDevice;

  /** A device on an image, and a driver that accepts all it offers. Both are closed with the test. */
  static open(options: BlockDeviceOptions, driverOptions: DriverOptions = {}): BlockDriver {
    const driver = new BlockDriver(BlockDevice.open(options), driverOptions);
    onTestFinished(() => driver.close());
    return driver;
  }

  async request(segments: readonly Segment[], queue = 0): Promise<BlockAnswer> {
    return withStatus(await this.send(segments, queue));
  }

  read(sector: number | bigint, bytes: number, queue = 0): Promise<BlockAnswer> {
    return this.request([{ bytes: header(BlockRequestType.in, sector) }, { room: bytes }, { room: 1 }], queue);
  }

  write(sector: number | bigint, bytes: Uint8Array, queue = 0): Promise<BlockAnswer> {
    return this.request([{ bytes: header(BlockRequestType.out, sector) }, { bytes }, { room: 1 }], queue);
  }

  flush(queue = 0): Promise<BlockAnswer> {
    return this.request([{ bytes: header(BlockRequestType.flush) }, { room: 1 }], queue);
  }

  discard(list: readonly Range[]): Promise<BlockAnswer> {
    return this.request([{ bytes: header(BlockRequestType.discard) }, { bytes: ranges(list) }, { room: 1 }]);
  }

  writeZeroes(list: readonly Range[]): Promise<BlockAnswer> {
    return this.request([{ bytes: header(BlockRequestType.writeZeroes) }, { bytes: ranges(list) }, { room: 1 }]);
  }

  getId(room = 20): Promise<BlockAnswer> {
    return this.request([{ bytes: header(BlockRequestType.getId) }, { room: room + 1 }]);
  }
}
