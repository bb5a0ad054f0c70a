/** The thread's side of a MeasuringThread: answers each request with a slot. */
import { parentPort } from 'node:worker_threads';
import { type AccessDriver, BatchMeter } from './batch-meter.js';
import type { MeasuringReply, MeasuringRequest } from './measuring-thread.js';
import type { Target } from './target.js';

/** More than the fastest path makes in the longest slot. */
const MOST_SAMPLES = 2 ** 21;

/** Says that this Worker is ready, measures whenever it is asked, and ends when it is told to or cannot go on. */
export function serveSlots(driver: AccessDriver, target: Target): void {
  const port = parentPort!;
  const meter = new BatchMeter(driver, target, MOST_SAMPLES);
  const reply = (message: MeasuringReply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  port.on('message', (request: MeasuringRequest) => {
    if (request.type === 'close') {
      meter.close();
      port.close();
      return;
    }
    const slot = measure(meter, request.milliseconds);
    reply({ type: 'slot', slot }, [slot.samples.buffer]);
  });
  reply({ type: 'ready' });
}

/** An error ends the thread, and must not leave its files open. */
function measure(meter: BatchMeter, milliseconds: number) {
  try {
    return meter.slot(milliseconds);
  } catch (error) {
    meter.close();
    throw error;
  }
}
