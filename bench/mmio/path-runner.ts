/** The seam between the harness and what it measures: one runner for each path, operation and implementation. */
import type { DispatcherKind, Implementation, Operation, PathName } from './row.js';

/** What one slot (a short, uninterrupted measurement) gives. */
export interface Slot {
  /** Latency of single accesses, in ns. */
  readonly samples: Uint32Array;
  /** Wall time of the slot, in ns: for posted writes, until the device has handled the last one. */
  readonly elapsedNs: number;
  /** Accesses made in `elapsedNs`; may exceed `samples.length`. */
  readonly accesses: number;
  /** Latency of two guest clock readings with no access between them, in ns; null where no guest runs. */
  readonly floorNs: number | null;
}

export interface PathRunner {
  readonly path: PathName;
  readonly operation: Operation;
  readonly implementation: Implementation;
  readonly dispatcher: DispatcherKind;
  /** Sets everything up; a runner that failed to open needs no close. */
  open(): Promise<void>;
  /** Measures for about `milliseconds`. Between slots a runner uses no CPU. */
  slot(milliseconds: number): Promise<Slot>;
  /** Frees everything. Idempotent. */
  close(): Promise<void>;
}
