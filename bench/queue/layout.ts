/** Where everything lies, in one region of guest memory from 0; bench/reference/queue/driver.h has the same. In bytes. */
import type { Point } from './points.js';

export const DESCRIPTORS = 0;
export const DRIVER_AREA = 0x8000;
export const DEVICE_AREA = 0xa000;
const TABLES = 0x10000;
const BUFFERS = 0x100000;
export const MEMORY_BYTES = 0x1000000;

export const QUEUE_SIZE = 1024;
export const DESCRIPTOR_BYTES = 16;
/** Chains whose tables, of up to 16 entries, stay in the second cache. */
const INDIRECT_CHAINS = 256;
const MOST_SEGMENTS = 16;
const TABLE_STRIDE = MOST_SEGMENTS * DESCRIPTOR_BYTES;
const BUFFER_STRIDE = 4096;
const BUFFER_PLACES = 3000;

const HEADER_BYTES = 16;
const DATA_BYTES = 4096;
const STATUS_BYTES = 1;

export function chainsPerRound({ place, segments }: Point): number {
  return place === 'indirect' ? INDIRECT_CHAINS : Math.floor(QUEUE_SIZE / segments);
}

/** Descriptors of the ring that a chain takes. */
export function descriptorsPerChain({ place, segments }: Point): number {
  return place === 'indirect' ? 1 : segments;
}

export function tableAddress(chain: number): number {
  return TABLES + chain * TABLE_STRIDE;
}

export function bufferAddress(chain: number, segment: number): number {
  return BUFFERS + ((chain * MOST_SEGMENTS + segment) % BUFFER_PLACES) * BUFFER_STRIDE;
}

/** A header, then what the device writes; a single segment is written. The last of several is a status byte. */
export function isWritten({ segments }: Point, segment: number): boolean {
  return segment > 0 || segments === 1;
}

export function lengthOf({ segments }: Point, segment: number): number {
  if (segment > 0 && segment + 1 === segments) return STATUS_BYTES;
  return segment === 0 && segments > 1 ? HEADER_BYTES : DATA_BYTES;
}

export function writtenBytes(point: Point): number {
  let sum = 0;
  for (let i = 0; i < point.segments; i++) if (isWritten(point, i)) sum += lengthOf(point, i);
  return sum;
}
