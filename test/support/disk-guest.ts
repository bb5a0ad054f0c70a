/** The freestanding guest that writes to a disk and reads it back, as the kernel of a machine; and its disk. */
import { closeSync, openSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { LAYOUT, virtioKernel, virtioPattern } from '../../guests/index.js';

const SEED = 7;

export interface DiskKernel {
  readonly requests: number;
  /** See VirtioParameters. */
  readonly polls?: boolean;
}

/** @returns path */
export async function writeDiskKernel(path: string, { requests, polls = false }: DiskKernel): Promise<string> {
  const windows = { memoryWindow: 0xd000_0000, portWindow: 0x1000 };
  writeFileSync(path, await virtioKernel({ driver: 'split', ...windows, queues: 1, requests, seed: SEED, polls }));
  return path;
}

/** @returns path */
export function writeEmptyDisk(path: string, bytes: number): string {
  writeFileSync(path, '');
  truncateSync(path, bytes);
  return path;
}

/** All that the guest writes is on the disk. */
export function hasPattern(path: string, requests: number): boolean {
  const written = Array.from({ length: requests }, (_, request) => virtioPattern(SEED, request));
  const disk = Buffer.alloc(requests * LAYOUT.VIRTIO_REQUEST_BYTES);
  const file = openSync(path, 'r');
  readSync(file, disk, 0, disk.length, 0);
  closeSync(file);
  return disk.equals(Buffer.concat(written));
}
