/** What makes accesses on a thread of its own: a loopback caller on a Worker, or a vCPU. */
import type { Access } from './guest.js';

export interface Performer {
  /** Makes the accesses in their order; the values by access, null for a write. */
  perform(accesses: readonly Access[]): Promise<readonly (number | null)[]>;
  /** From this thread, while it performs: ends a wait, which is then resumed. */
  kick(): void;
  /** Kicks that have ended a wait so far. */
  readonly interruptions: number;
  /** Resolves once there have been `count` of them. */
  interrupted(count: number): Promise<void>;
  close(): Promise<void>;
}
