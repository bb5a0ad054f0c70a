/** What a machine counts, as data that JSON can carry. */
import { type RegionCounts, readAccessCounts, type SharedAccessCounts } from '../board/access-counts.js';
import type { ExitCounts } from './exit-counts.js';

export interface MachineMetrics {
  /** Exits that reached the main thread, by reason, over all vCPUs; those that the board answers are not among them. */
  readonly exits: Readonly<Record<string, number>>;
  /** Accesses by part of the board: exits that devices answered. */
  readonly regions: Readonly<Record<string, RegionCounts>>;
  /** Bytes of this process, guest memory included. */
  readonly residentBytes: number;
  /** Bytes of guest memory. */
  readonly guestMemoryBytes: number;
  /** From `start` to the first entry into the guest, ms. */
  readonly startMs: number;
}

export interface MetricsSource {
  readonly counts: ExitCounts;
  readonly accesses: SharedAccessCounts;
  readonly guestMemoryBytes: number;
  readonly startMs: number;
}

export function collectMetrics({ counts, accesses, guestMemoryBytes, startMs }: MetricsSource): MachineMetrics {
  const residentBytes = process.memoryUsage.rss();
  return { exits: counts.toJSON(), regions: readAccessCounts(accesses), residentBytes, guestMemoryBytes, startMs };
}
