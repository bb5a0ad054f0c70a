/** What a queue needs of guest memory. A GuestMemory is one. */
import type { Mapping } from '../../native/index.js';
import { DirectAccess, type GuestAccess } from './guest-access.js';

export interface QueueRegion {
  /** First guest-physical address. */
  readonly gpa: number;
  /** In bytes. */
  readonly size: number;
  /** Devices may not write to it. */
  readonly readonly: boolean;
  readonly mapping: Mapping;
  /** How `length` bytes from `offset` are reached. Default: directly. For tests that put something in between. */
  access?(offset: number, length: number): GuestAccess;
}

export interface QueueMemory {
  /** Sorted by gpa, disjoint. */
  readonly regions: readonly QueueRegion[];
}

/** A way to reach part of a region. */
export function accessTo(region: QueueRegion, offset: number, length: number): GuestAccess {
  return region.access?.(offset, length) ?? new DirectAccess(region.mapping.buffer, offset, length);
}
