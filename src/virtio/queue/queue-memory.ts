/** What a queue needs of guest memory. A GuestMemory is one. */
import type { Mapping } from '../../native/index.js';

export interface QueueRegion {
  /** First guest-physical address. */
  readonly gpa: number;
  /** In bytes. */
  readonly size: number;
  /** Devices may not write to it. */
  readonly readonly: boolean;
  readonly mapping: Mapping;
}

export interface QueueMemory {
  /** Sorted by gpa, disjoint. */
  readonly regions: readonly QueueRegion[];
}
