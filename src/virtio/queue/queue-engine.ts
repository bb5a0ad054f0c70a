/** The queue as its runner sees it: what a device sees, and what starting and stopping need. */
import type { QueuePosition } from './setup.js';
import type { VirtQueue } from './virt-queue.js';

export interface QueueCounters {
  /** Chains taken. */
  readonly popped: number;
  /** Chains given back and published. */
  readonly completed: number;
  /** Calls made. */
  readonly calls: number;
  /** Calls the driver did not want. */
  readonly suppressedCalls: number;
  /** Second completions of a chain. */
  readonly repeatedCompletions: number;
  /** Completions after the queue had stopped or failed. */
  readonly lateCompletions: number;
}

export interface QueueEngine extends VirtQueue {
  readonly format: 'split' | 'packed';
  readonly counters: QueueCounters;
  /** The counters in the order of QueueCounters, as six numbers from `at` on: without an allocation. */
  countInto(target: Float64Array, at: number): void;
  /** False once stopped or failed. */
  readonly running: boolean;
  /** Where a later queue on the same ring goes on. Complete only while nothing is in flight. */
  readonly position: QueuePosition;
  /** Idempotent. Publishes nothing more, and no chain touches guest memory from here on. */
  stop(): void;
}
