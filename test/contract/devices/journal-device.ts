/** A device that keeps a journal of what each vCPU wrote: in order, or not. */
import type { DeviceContext, RegisterDevice } from 'ioregion/device';

/** Registers of vCPU v are at 16 * v. */
export const JOURNAL_STRIDE = 16;
/** Shared words of vCPU v, from 4 * v: writes taken, the last value, values that did not follow the last, reads. */
export const JournalWord = { writes: 0, last: 1, outOfOrder: 2, reads: 3 } as const;
export const JOURNAL_BYTES = 8 * 16;

export class JournalDevice implements RegisterDevice {
  readonly #words: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.#words = new Int32Array(shared);
  }

  /** The number of this read among those of its vCPU. */
  read(offset: number): number {
    return Atomics.add(this.#words, this.#at(offset) + JournalWord.reads, 1) + 1;
  }

  write(offset: number, _size: number, value: number): void {
    const at = this.#at(offset);
    const last = Atomics.exchange(this.#words, at + JournalWord.last, value);
    if (value !== last + 1) Atomics.add(this.#words, at + JournalWord.outOfOrder, 1);
    Atomics.add(this.#words, at + JournalWord.writes, 1);
  }

  #at(offset: number): number {
    return 4 * Math.floor(offset / JOURNAL_STRIDE);
  }
}

export function journalDevice(_options: undefined, { shared }: DeviceContext): JournalDevice {
  return new JournalDevice(shared!);
}
