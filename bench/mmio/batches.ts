/** The measuring loop of a slot: batches of accesses until the time is up. The same as in bench/reference/measure.c. */
import { monotonicNs } from '../../src/native/index.js';
import type { Slot } from './path-runner.js';
import { median } from './statistics.js';

/** Accesses made without a look at the clock. */
export const BATCH_ACCESSES = 512;

/** What makes the accesses of a path, on the thread that measures. */
export interface AccessDriver {
  /** Makes `count` (at most BATCH_ACCESSES) accesses and stores the latency of each, in ns, from `samples[at]`. */
  batch(count: number, samples: Uint32Array, at: number): void;
  /** Stores the latencies of `count` accesses that are none. */
  floor(count: number, samples: Uint32Array): void;
  /** Returns when the device has handled everything. */
  settle(): void;
  /** Throws where the device has not counted what `batch` sent. */
  check(): void;
}

/** Measures for about `milliseconds`, or until `samples` is full. The slot owns a copy of its samples. */
export function measureSlot(driver: AccessDriver, milliseconds: number, samples: Uint32Array): Slot {
  const last = samples.length - BATCH_ACCESSES;
  const floorNs = measureFloor(driver);
  const start = monotonicNs();
  const deadline = start + milliseconds * 1e6;
  let accesses = 0;
  do {
    driver.batch(BATCH_ACCESSES, samples, accesses);
    accesses += BATCH_ACCESSES;
  } while (monotonicNs() < deadline && accesses <= last);
  driver.settle();
  const elapsedNs = monotonicNs() - start;
  driver.check();
  return { samples: samples.slice(0, accesses), accesses, elapsedNs, floorNs };
}

function measureFloor(driver: AccessDriver): number {
  const samples = new Uint32Array(BATCH_ACCESSES);
  driver.floor(BATCH_ACCESSES, samples);
  return median(samples);
}
