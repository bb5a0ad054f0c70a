/** How a machine ends. */
import type { IoregionError } from '../../native/index.js';

export type MachineEnd =
  /** The guest switched itself off. */
  | { readonly reason: 'power-off' }
  /** The guest reset itself: a reboot, or a panic with `panic=-1`. */
  | { readonly reason: 'reset' }
  /** A fault in the handler of a fault's handler: a reset too, but hardly ever meant. */
  | { readonly reason: 'triple-fault'; readonly vcpu: number }
  /** The guest wrote to the debug exit port. */
  | { readonly reason: 'debug-exit'; readonly code: number }
  /** `stop` was called, or the signal of `start` aborted. */
  | { readonly reason: 'stopped' }
  /** A vCPU cannot go on. */
  | { readonly reason: 'failed'; readonly error: IoregionError };
