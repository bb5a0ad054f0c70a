/** A Worker that makes and times the accesses of a path, seen from the harness. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Slot } from './path-runner.js';

/** To the thread: measure for so long. */
export interface SlotRequest {
  readonly milliseconds: number;
}

/** From the thread, once after it has started and once for each request. */
export type MeasuringMessage = { readonly type: 'ready' } | { readonly type: 'slot'; readonly slot: Slot };

export class MeasuringThread {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Resolves once the thread is ready to measure. Rejects with what the thread throws. */
  static async start(entry: URL, workerData: unknown): Promise<MeasuringThread> {
    const worker = new Worker(entry, { workerData });
    await nextMessage(worker);
    return new MeasuringThread(worker);
  }

  /** Rejects with what the thread throws; it is gone then. */
  async slot(milliseconds: number): Promise<Slot> {
    const answer = nextMessage(this.#worker);
    this.#worker.postMessage({ milliseconds } satisfies SlotRequest);
    const message = await answer;
    if (message.type !== 'slot') throw new TypeError(`a measuring thread said "${message.type}" instead of its slot`);
    return message.slot;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** `once` rejects where the Worker reports an error first. */
async function nextMessage(worker: Worker): Promise<MeasuringMessage> {
  const [message] = (await once(worker, 'message')) as [MeasuringMessage];
  return message;
}
