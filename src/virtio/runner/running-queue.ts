/** One queue of a device while it runs: its engine, and the eventfd its kicks come from. */
import { type EventFd, FdWatch } from '../../native/index.js';
import type { QueueEngine, QueuePosition } from '../queue/index.js';
import type { MaybePromise } from './maybe-promise.js';

export class RunningQueue {
  readonly engine: QueueEngine;
  /** Set from the beginning of a stop: no kick reaches the device any more. */
  stopped: MaybePromise<QueuePosition> | null = null;
  /** A kick that the device or the engine has asked for is on its way. */
  kickOwed = false;
  #watch: FdWatch | null = null;

  constructor(engine: QueueEngine) {
    this.engine = engine;
  }

  /** Kicks come from `kickFd`, which the caller keeps open. */
  listen(kickFd: EventFd, kick: () => void): void {
    // Cleared before the queue is looked at: what is made available after that comes with a kick of its own.
    this.#watch = new FdWatch(kickFd, () => {
      // Whoever made it may have closed it, of a queue that is about to stop.
      if (kickFd.closed) this.unlisten();
      else if (kickFd.testAndClear()) kick();
    });
  }

  /** Idempotent. A kick that has not been taken stays in the eventfd. */
  unlisten(): void {
    this.#watch?.close();
    this.#watch = null;
  }
}
