/** A runner that makes its samples up, from a seed: what the harness and the report are tested with. */
import type { PathRunner, Slot } from '#dist/bench/mmio/path-runner.js';
import type { Implementation, Operation, PathName } from '#dist/bench/mmio/row.js';

export interface SyntheticOptions {
  readonly path: PathName;
  readonly operation: Operation;
  readonly implementation: Implementation;
  /** ns. */
  readonly median: number;
  /** Standard deviation of the logarithm. */
  readonly spread?: number;
  readonly samplesPerSlot?: number;
  /** Told about every call, e.g. `js open`. */
  readonly log?: string[];
  /** Call that fails. */
  readonly failAt?: 'open' | 'slot';
}

export class SyntheticRunner implements PathRunner {
  readonly path: PathName;
  readonly operation: Operation;
  readonly implementation: Implementation;
  readonly #options: SyntheticOptions;
  readonly #random = randomNumbers(7);

  constructor(options: SyntheticOptions) {
    this.path = options.path;
    this.operation = options.operation;
    this.implementation = options.implementation;
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#called('open');
  }

  async slot(milliseconds: number): Promise<Slot> {
    this.#called('slot');
    const samples = Uint32Array.from({ length: this.#options.samplesPerSlot ?? 2000 }, () => this.#sample());
    return { samples, elapsedNs: milliseconds * 1e6, accesses: samples.length, floorNs: 700 };
  }

  async close(): Promise<void> {
    this.#called('close');
  }

  #called(name: 'open' | 'slot' | 'close'): void {
    this.#options.log?.push(`${this.implementation} ${name}`);
    if (this.#options.failAt === name) throw new Error(`synthetic failure of ${name}`);
  }

  /** Log-normal, with a tail: one sample in 200 is ten times slower. */
  #sample(): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
    const slow = this.#random() < 0.005 ? 10 : 1;
    return this.#options.median * slow * Math.exp(normal * (this.#options.spread ?? 0.08));
  }
}

/** Mulberry32: numbers from 0 to 1 that are the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
