/** The seam between the harness and what it measures: one runner for each path, operation and implementation. */
import type { Implementation, Operation, PathName } from './row.js';

/** What one slot (a short, uninterrupted measurement) gives. */
export interface Slot {
  /** Latency of single accesses, in ns. */
  readonly samples: Uint32Array<ArrayBuffer>;
  /** Wall time of the slot, in ns: for posted writes, until the device has handled the last one. */
  readonly elapsedNs: number;
  /** Accesses made in `elapsedNs`; may exceed `samples.length`. */
  readonly accesses: number;
  /** Median latency of no access at all, in ns: part of every sample. */
  readonly floorNs: number;
}

export interface PathRunner {
  readonly path: PathName;
  readonly operation: Operation;
  readonly implementation: Implementation;
  /** Sets everything up. */
  open(): Promise<void>;
  /** Measures for about `milliseconds`. Between slots a runner uses no CPU. */
  slot(milliseconds: number): Promise<Slot>;
  /** Frees everything, also where `open` failed half-way. Idempotent. */
  close(): Promise<void>;
}
