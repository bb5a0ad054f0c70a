/** What the kinds of requests have in common. */
import type { Status } from './request.js';
import type { RequestSlot } from './slot.js';

/** The request goes on: something has been prepared for its slot. */
export const PENDING = -1;
export type Outcome = Status | typeof PENDING;

export interface Operation {
  /** Judges a new request and prepares its first system call, or tells how it ended. */
  begin(slot: RequestSlot): Outcome;
  /** Goes on after a system call: `result` is a byte count or a negative errno. */
  advance(slot: RequestSlot, result: number): Outcome;
}
