/** The guest's side of a register: up to 32 bits with their access rules. */
import type { WordPlan } from './layout.js';

/**
 * `lanes` is the mask of the bits an access touches. All integers are signed 32-bit; whoever hands one out to the guest
 * or to a handler makes it unsigned.
 */
export class RegisterWord {
  readonly plan: WordPlan;
  /** What is stored. */
  bits: number;
  /** Side effects: what the guest reads instead of `stored`, and what happens after a write. */
  onRead: ((stored: number) => number) | null = null;
  onWrite: ((written: number) => void) | null = null;

  constructor(plan: WordPlan) {
    this.plan = plan;
    this.bits = plan.reset;
  }

  /** Whether an access of `size` bytes, `at` bytes into the word, is one the register takes. */
  takes(at: number, size: number): boolean {
    return (this.plan.widths & size) !== 0 && (at & (size - 1)) === 0;
  }

  read(lanes: number): number {
    const stored = this.fetch(lanes);
    return (this.onRead === null ? stored : this.onRead(stored)) & this.plan.readable;
  }

  /** Clears before any side effect runs: a bit that the effect sets is for the next read. */
  fetch(lanes: number): number {
    const stored = this.bits;
    this.bits = stored & ~(lanes & this.plan.clearedByRead);
    return stored;
  }

  write(lanes: number, value: number): void {
    this.store(lanes, value);
    if (this.onWrite !== null) this.onWrite(this.written(lanes & value));
  }

  store(lanes: number, value: number): void {
    const { writable, clearedByWrite } = this.plan;
    const kept = this.bits & ~(lanes & writable) & ~(lanes & value & clearedByWrite);
    this.bits = kept | (lanes & value & writable);
  }

  /** What a write handler is told after a write of `value`: stored bits, and the ones written to `w1c` bits. */
  written(value: number): number {
    return (this.bits & this.plan.writable) | (value & this.plan.clearedByWrite);
  }
}
