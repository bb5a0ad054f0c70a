/** What the device must have counted: that nothing was lost, repeated or changed is checked in every slot. */
import type { DeviceCounts } from './bench-device.js';
import { LostAccessError } from './errors.js';
import type { Operation } from './row.js';

export class Tally {
  #reads = 0;
  #writes = 0;
  #sum = 0;

  /** A batch of `count` accesses; the values written go from `count` down to 1. */
  add(operation: Operation, count: number): void {
    if (operation === 'read') {
      this.#reads += count;
      return;
    }
    this.#writes += count;
    this.#sum += (count * (count + 1)) / 2;
  }

  /** Compares what was counted. @throws LostAccessError */
  check(counts: Partial<DeviceCounts>): void {
    const expected: DeviceCounts = { reads: this.#reads, writes: this.#writes, sum: this.#sum, refused: 0 };
    for (const name of ['reads', 'writes', 'sum', 'refused'] as const) {
      const counted = counts[name];
      if (counted !== undefined && counted !== expected[name]) throw new LostAccessError(name, counted, expected[name]);
    }
  }
}
