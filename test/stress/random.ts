/** xorshift32: fast, and the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** An unsigned 32-bit number. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** From 0 to `limit` - 1. */
  below(limit: number): number {
    return this.next() % limit;
  }
}

/** The seed of a run: IOREGION_SEED repeats one. */
export function seedOf(environment: NodeJS.ProcessEnv = process.env): number {
  return Number(environment.IOREGION_SEED ?? Date.now() % 2 ** 32);
}
