/** How the parts of a queue say which rule the driver broke. Words are made only then. */
import type { QueueRule } from './errors.js';

/** Both answer false, so that whoever reads a chain can return the answer. */
export interface RingFaults {
  /** The driver broke a rule; `detail` says what it did instead. */
  fail(rule: QueueRule, detail: string): false;
  /** The next chain has to wait for room: no fault of anybody. */
  starve(): false;
}
