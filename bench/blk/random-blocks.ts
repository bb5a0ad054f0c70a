/** Block numbers to read; bench/reference/blk/read_loop.c makes the same. */
const MULTIPLIER = 1664525;
const INCREMENT = 1013904223;
const TWO_TO_32 = 2 ** 32;

export class RandomBlocks {
  readonly #blocks: number;
  /** In an array: a field would get a new object for each number this large. */
  readonly #state: Uint32Array;

  /** `blocks` at most 2^20, so that no product loses bits. */
  constructor(blocks: number, seed: number) {
    this.#blocks = blocks;
    this.#state = Uint32Array.of(seed);
  }

  next(): number {
    this.#state[0] = Math.imul(this.#state[0]!, MULTIPLIER) + INCREMENT;
    return Math.floor((this.#state[0]! * this.#blocks) / TWO_TO_32);
  }
}
