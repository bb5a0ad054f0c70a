/** The measuring loop of a slot: batches of accesses until the time is up, as in bench/reference/measure.c. */
import { monotonicNs } from '../../src/native/index.js';
import type { Slot } from './path-runner.js';
import type { Operation } from './row.js';
import { median } from './statistics.js';
import { Tally } from './tally.js';
import type { Target } from './target.js';

/** Accesses made without a look at the clock. */
export const BATCH_ACCESSES = 512;

/** What makes the accesses: the bench guest under KVM, or the calling thread itself. */
export interface AccessDriver {
  readonly operation: Operation;
  /**
   * Makes `count` (at most BATCH_ACCESSES) accesses to `Register.data` and stores the latency of each, in ns, from
   * `samples[at]`. Writes carry `count` down to 1; the values read are checked.
   */
  batch(count: number, samples: Uint32Array, at: number): void;
  /** Stores `count` latencies of no access at all. */
  floor(count: number, samples: Uint32Array): void;
  /** Idempotent. */
  close(): void;
}

/** Measures a driver and the target behind it, slot by slot. */
export class BatchMeter {
  readonly #driver: AccessDriver;
  readonly #target: Target;
  readonly #samples: Uint32Array;
  readonly #tally = new Tally();

  /** A slot ends early where it has `capacity` samples. */
  constructor(driver: AccessDriver, target: Target, capacity: number) {
    this.#driver = driver;
    this.#target = target;
    this.#samples = new Uint32Array(capacity);
  }

  /** Measures for about `milliseconds`. @throws LostAccessError where the device has not counted what was sent */
  slot(milliseconds: number): Slot {
    const floorNs = this.#floor();
    const start = monotonicNs();
    const accesses = this.#batchesUntil(start + milliseconds * 1e6);
    this.#target.settle();
    const elapsedNs = monotonicNs() - start;
    this.#tally.check(this.#target.counts());
    return { samples: this.#samples.slice(0, accesses), accesses, elapsedNs, floorNs };
  }

  /** Idempotent. */
  close(): void {
    this.#driver.close();
    this.#target.close();
  }

  #batchesUntil(deadlineNs: number): number {
    const driver = this.#driver;
    const last = this.#samples.length - BATCH_ACCESSES;
    let accesses = 0;
    do {
      driver.batch(BATCH_ACCESSES, this.#samples, accesses);
      this.#tally.add(driver.operation, BATCH_ACCESSES);
      accesses += BATCH_ACCESSES;
    } while (monotonicNs() < deadlineNs && accesses <= last);
    return accesses;
  }

  #floor(): number {
    const samples = new Uint32Array(BATCH_ACCESSES);
    this.#driver.floor(BATCH_ACCESSES, samples);
    return median(samples);
  }
}
