/** The transmit queue of a port (virtio 5.3.6): characters on their way out. */
import type { DeviceHost } from '../../device.js';
import { type Chain, QueueError, type VirtQueue } from '../../queue/index.js';
import type { ConsoleBackend } from './backend.js';
import type { ConsoleCounters } from './counters.js';

/** Writes before other queues of the thread get their turn. */
const WRITES_PER_TURN = 16;

/**
 * At most one chain is taken that has not been written: a guest that writes faster than the outside reads waits, and
 * nothing is kept for it here.
 */
export class OutputQueue {
  readonly #queue: VirtQueue;
  readonly #backend: ConsoleBackend;
  readonly #counters: ConsoleCounters;
  readonly #host: DeviceHost;
  #chain: Chain | null = null;
  /** Bytes of it that have gone. */
  #written = 0;
  #full = false;

  constructor(queue: VirtQueue, backend: ConsoleBackend, counters: ConsoleCounters, host: DeviceHost) {
    this.#queue = queue;
    this.#backend = backend;
    this.#counters = counters;
    this.#host = host;
  }

  kick(): void {
    if (!this.#full) this.#run();
  }

  /** There is room again, or nobody is there any more. Nobody catches what this throws. */
  onWritable(): void {
    try {
      this.#run();
    } catch (error) {
      this.#queue.fail(new QueueError('device', `output cannot go on: ${error}`, error));
      this.#backend.waitWritable(false);
    }
  }

  /** What has not gone is lost. */
  stop(): void {
    this.#backend.waitWritable(false);
    if (this.#chain !== null) this.#discard(this.#chain);
    this.#queue.flush();
  }

  #run(): void {
    this.#setFull(false);
    this.#queue.disableKicks();
    const more = this.#writeSome();
    this.#queue.flush();
    if (more) this.#host.kickLater(this.#queue.index);
  }

  /** True where there may be more to write at once. */
  #writeSome(): boolean {
    for (let writes = 0; writes < WRITES_PER_TURN; writes++) {
      const chain = this.#next();
      if (chain === null) return false;
      if (this.#advance(chain)) continue;
      this.#setFull(true);
      return false;
    }
    return true;
  }

  #next(): Chain | null {
    this.#chain ??= this.#queue.pop();
    if (this.#chain === null && this.#queue.enableKicks()) this.#chain = this.#queue.pop();
    return this.#chain;
  }

  /** Writes once; false where there is no room. */
  #advance(chain: Chain): boolean {
    if (!this.#backend.connected) {
      this.#discard(chain);
      return true;
    }
    const { readable } = chain;
    const count = readable.byteLength === 0 ? 0 : this.#backend.write(readable, this.#written);
    this.#written += count;
    this.#counters.outputBytes += count;
    if (this.#written < readable.byteLength) return count > 0;
    this.#complete(chain);
    return true;
  }

  #discard(chain: Chain): void {
    this.#counters.discardedBytes += chain.readable.byteLength - this.#written;
    this.#complete(chain);
  }

  #complete(chain: Chain): void {
    this.#chain = null;
    this.#written = 0;
    chain.complete(0);
  }

  #setFull(full: boolean): void {
    this.#full = full;
    this.#backend.waitWritable(full);
  }
}
