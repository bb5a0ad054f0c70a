/** The receive queue of a port (virtio 5.3.6): characters on their way in. */
import { type Chain, QueueError, type VirtQueue } from '../../queue/index.js';
import type { ConsoleCounters } from './counters.js';
import type { Port } from './port.js';

/** Buffers before other queues of the thread get their turn; the backend calls again for the rest. */
const BUFFERS_PER_TURN = 64;

/** Nothing is read that has no place: input waits outside until the driver posts a buffer. */
export class InputQueue {
  readonly #queue: VirtQueue;
  readonly #port: Port;
  readonly #counters: ConsoleCounters;
  /** The driver says when somebody reads the port; else it always is. */
  readonly #needsOpen: boolean;
  /** A buffer that was taken in vain. */
  #chain: Chain | null = null;

  constructor(queue: VirtQueue, port: Port, counters: ConsoleCounters, needsOpen: boolean) {
    this.#queue = queue;
    this.#port = port;
    this.#counters = counters;
    this.#needsOpen = needsOpen;
  }

  /** There may be buffers, or somebody who reads them. */
  kick(): void {
    this.#port.backend.waitReadable(this.#isOpen);
  }

  /** Nobody catches what this throws. */
  onReadable(): void {
    try {
      this.#run();
    } catch (error) {
      this.#queue.fail(new QueueError('device', `input cannot go on: ${error}`, error));
      this.#port.backend.waitReadable(false);
    }
  }

  stop(): void {
    this.#port.backend.waitReadable(false);
    this.#chain?.complete(0);
    this.#chain = null;
    this.#queue.flush();
  }

  get #isOpen(): boolean {
    return this.#port.guestOpen || !this.#needsOpen;
  }

  #run(): void {
    let more = this.#isOpen;
    this.#queue.disableKicks();
    for (let count = 0; count < BUFFERS_PER_TURN && more; count++) more = this.#fillNext();
    this.#queue.flush();
  }

  /** False where there is no buffer, or nothing to read. */
  #fillNext(): boolean {
    this.#chain ??= this.#queue.pop();
    const chain = this.#chain;
    if (chain === null) return this.#awaitBuffers();
    const count = chain.writable.byteLength === 0 ? 0 : this.#port.backend.read(chain.writable);
    if (count === 0 && chain.writable.byteLength > 0) return false;
    if (count === 0) this.#counters.malformedBuffers++;
    this.#counters.inputBytes += count;
    this.#chain = null;
    chain.complete(count);
    return true;
  }

  /** True where the driver has posted buffers in the meantime. */
  #awaitBuffers(): boolean {
    if (this.#queue.enableKicks()) return true;
    this.#port.backend.waitReadable(false);
    return false;
  }
}
