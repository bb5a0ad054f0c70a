/** The readable or the writable half of a chain. */
import type { QueueRegion } from './queue-memory.js';

/**
 * A scatter list: segments of guest memory in driver order, each wholly inside one region, none empty. Boundaries between
 * segments mean nothing (2.7.4.1): use positions in bytes from the start of the half. Guest memory may change at any time,
 * so take what decides something with one `copyTo` and judge the copy.
 */
export interface ChainBuffers {
  /** Of all segments; with the other half below 2^32. */
  readonly byteLength: number;
  readonly segmentCount: number;

  /** Copies bytes from position `from` on into `target`; returns how many there were. */
  copyTo(target: Uint8Array, from?: number): number;

  /** Copies `source` to position `at`; returns how many bytes fitted. Nothing is written through a readable half. */
  copyFrom(source: Uint8Array, at?: number): number;

  /** Sets `length` bytes from position `at` to `value`; returns how many there were. */
  fill(value: number, at: number, length: number): number;

  /** The bytes of a segment. Makes one view object: for calls that take buffers, not for copying. */
  view(segment: number): Uint8Array;

  /** For native I/O: the region of a segment (`mapping.object` is what the addon takes), without making an object. */
  region(segment: number): QueueRegion;
  /** Where a segment is in guest-physical memory. */
  address(segment: number): number;
  /** Offset of a segment in the mapping of its region, in bytes. */
  offset(segment: number): number;
  /** Length of a segment in bytes. */
  length(segment: number): number;
}
