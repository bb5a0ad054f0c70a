/**
 * The device that every JavaScript row drives, and where it lies: the twin of bench/reference/device.c, register for
 * register, so that both sides do the same work.
 */
import type { RegisterDevice } from '../../src/ioregion/index.js';

/** The region, in guest-physical memory; sizes in bytes. */
export const REGION = { gpa: 0xd0000000, size: 0x1000 } as const;

/**
 * Offsets. `data` may be read and written in 1, 2 or 4 bytes; the others are 8 bytes wide and read-only: how often
 * `data` was read and written, the sum of what was written, and how many accesses were refused.
 */
export const Register = { reads: 0x00, writes: 0x08, sum: 0x10, refused: 0x18, data: 0x20 } as const;

/** Low four bytes of what `data` reads as. */
export const DATA_VALUE = 0xa9cbee0f;

/** What the device has counted. */
export interface DeviceCounts {
  readonly reads: number;
  readonly writes: number;
  readonly sum: number;
  readonly refused: number;
}

export class BenchDevice implements RegisterDevice {
  #reads = 0;
  #writes = 0;
  #sum = 0;
  #refused = 0;

  read(offset: number, _size: number): number {
    if (offset !== Register.data) return this.#refuse();
    this.#reads++;
    return DATA_VALUE;
  }

  write(offset: number, _size: number, value: number): void {
    if (offset !== Register.data) {
      this.#refuse();
      return;
    }
    this.#writes++;
    this.#sum += value;
  }

  read64(offset: number): bigint {
    switch (offset) {
      case Register.reads:
        return BigInt(this.#reads);
      case Register.writes:
        return BigInt(this.#writes);
      case Register.sum:
        return BigInt(this.#sum);
      case Register.refused:
        return BigInt(this.#refused);
      default:
        return BigInt(this.#refuse());
    }
  }

  #refuse(): number {
    this.#refused++;
    return -1;
  }
}

/** For region servers on other threads and in other processes. */
export default function createBenchDevice(): BenchDevice {
  return new BenchDevice();
}
