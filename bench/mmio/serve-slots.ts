/** The thread's side of a MeasuringThread: answers each request with a slot. */
import { parentPort } from 'node:worker_threads';
import { type AccessDriver, measureSlot } from './batches.js';
import type { MeasuringMessage, SlotRequest } from './measuring-thread.js';

/** More than the fastest path makes in the longest slot. */
const MOST_SAMPLES = 2 ** 21;

/** Says that this Worker is ready, and measures whenever it is asked. */
export function serveSlots(driver: AccessDriver): void {
  const samples = new Uint32Array(MOST_SAMPLES);
  parentPort?.on('message', ({ milliseconds }: SlotRequest) => {
    const slot = measureSlot(driver, milliseconds, samples);
    parentPort?.postMessage({ type: 'slot', slot } satisfies MeasuringMessage, [slot.samples.buffer]);
  });
  parentPort?.postMessage({ type: 'ready' } satisfies MeasuringMessage);
}
