/** What a machine counts, as data that JSON can carry. */
import type { ExitCounts } from './exit-counts.js';

export interface MachineMetrics {
  /** Exits that reached the main thread, by reason, over all vCPUs; those that the board answers are not among them. */
  readonly exits: Readonly<Record<string, number>>;
  /** Bytes of this process, guest memory included. */
  readonly residentBytes: number;
  /** Bytes of guest memory. */
  readonly guestMemoryBytes: number;
  /** From `start` to the first entry into the guest, ms. */
  readonly startMs: number;
}

export interface MetricsSource {
  readonly counts: ExitCounts;
  readonly guestMemoryBytes: number;
  readonly startMs: number;
}

export function collectMetrics({ counts, guestMemoryBytes, startMs }: MetricsSource): MachineMetrics {
  const residentBytes = process.memoryUsage.rss();
  return { exits: counts.toJSON(), residentBytes, guestMemoryBytes, startMs };
}
