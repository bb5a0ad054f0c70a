/** The guest's side of an 8-byte register: two words, accessed as one or by halves. */
import type { ReadHandler, WriteHandler } from './handlers.js';
import type { RegisterWord } from './word.js';

const ALL_LANES = -1;

/** An 8-byte access calls the handlers once; an access to one half calls them with the other half as it is stored. */
export class WideWord {
  readonly low: RegisterWord;
  readonly high: RegisterWord;
  #onRead: ((stored: bigint) => bigint) | null = null;
  #onWrite: ((written: bigint) => void) | null = null;

  constructor(low: RegisterWord, high: RegisterWord) {
    this.low = low;
    this.high = high;
  }

  setReadHandler(handler: ReadHandler<bigint>, index: number): void {
    this.#onRead = (stored) => handler(stored, index);
    this.low.onRead = (stored) => lowHalf(handler(join(stored, this.high.bits), index));
    this.high.onRead = (stored) => highHalf(handler(join(this.low.bits, stored), index));
  }

  setWriteHandler(handler: WriteHandler<bigint>, index: number): void {
    this.#onWrite = (written) => handler(written, index);
    this.low.onWrite = (written) => handler(join(written, this.high.written(0)), index);
    this.high.onWrite = (written) => handler(join(this.low.written(0), written), index);
  }

  read(): bigint {
    const stored = join(this.low.fetch(ALL_LANES), this.high.fetch(ALL_LANES));
    const value = this.#onRead === null ? stored : this.#onRead(stored);
    return join(lowHalf(value) & this.low.plan.readable, highHalf(value) & this.high.plan.readable);
  }

  write(value: bigint): void {
    const low = lowHalf(value);
    const high = highHalf(value);
    this.low.store(ALL_LANES, low);
    this.high.store(ALL_LANES, high);
    if (this.#onWrite !== null) this.#onWrite(join(this.low.written(low), this.high.written(high)));
  }
}

/** The unsigned 64-bit value of two words. */
export function join(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

export function lowHalf(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

export function highHalf(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}
