/** A Worker that makes and times the accesses of a path, seen from the harness. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Slot } from './path-runner.js';

export type MeasuringRequest = { readonly type: 'slot'; readonly milliseconds: number } | { readonly type: 'close' };

/** `ready` once after the start, `slot` once for each request. */
export type MeasuringReply = { readonly type: 'ready' } | { readonly type: 'slot'; readonly slot: Slot };

export class MeasuringThread {
  readonly #worker: Worker;
  readonly #exited: Promise<unknown>;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#exited = new Promise((resolve) => worker.once('exit', resolve));
  }

  /** Resolves once the thread is ready to measure. Rejects with what the thread throws. */
  static async start(entry: URL, workerData: unknown): Promise<MeasuringThread> {
    const worker = new Worker(entry, { workerData });
    const thread = new MeasuringThread(worker);
    await nextReply(worker);
    return thread;
  }

  /** Rejects with what the thread throws; it is gone then. */
  async slot(milliseconds: number): Promise<Slot> {
    const answer = nextReply(this.#worker);
    this.#post({ type: 'slot', milliseconds });
    const reply = await answer;
    if (reply.type !== 'slot') throw new TypeError(`a measuring thread said "${reply.type}" instead of its slot`);
    return reply.slot;
  }

  /** Resolves when the thread is gone. Idempotent. */
  async close(): Promise<void> {
    this.#post({ type: 'close' });
    await this.#exited;
  }

  #post(request: MeasuringRequest): void {
    this.#worker.postMessage(request);
  }
}

/** `once` rejects where the Worker reports an error first. */
async function nextReply(worker: Worker): Promise<MeasuringReply> {
  const [reply] = (await once(worker, 'message')) as [MeasuringReply];
  return reply;
}
