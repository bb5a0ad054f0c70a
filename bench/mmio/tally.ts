/** What the device must have counted: that nothing was lost, repeated or changed is checked in every slot. */
import { type DeviceCounts, Register } from './bench-device.js';
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

  /** @throws LostAccessError */
  check(counted: DeviceCounts): void {
    const expected: DeviceCounts = { reads: this.#reads, writes: this.#writes, sum: this.#sum, refused: 0 };
    for (const name of ['reads', 'writes', 'sum', 'refused'] as const) {
      if (counted[name] !== expected[name]) throw new LostAccessError(name, counted[name], expected[name]);
    }
  }
}

/** Reads the device's counters through `read64`. Commands are in order, so they include all that was posted before. */
export function readCounts(read64: (offset: number) => number): DeviceCounts {
  return {
    reads: read64(Register.reads),
    writes: read64(Register.writes),
    sum: read64(Register.sum),
    refused: read64(Register.refused),
  };
}
