/** One queue of a device while it runs: its engine, and the eventfd its kicks come from. */
import { type EventFd, FdWatch } from '../../native/index.js';
import type { QueueEngine, QueuePosition } from '../queue/index.js';
import type { MaybePromise } from './maybe-promise.js';

/** Bounds how long timers and promises of the thread may wait: kicks for each turn of its event loop, and µs for each. */
const KICKS_PER_TURN = 64;
const NEXT_KICK_US = 250;

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
      else if (kickFd.waitAndClear(0)) this.#serve(kickFd, kick);
    });
  }

  /**
   * After a kick the next one is near: it is waited for here, which costs a fraction of the way through the event loop. That
   * gets its turn when anything else is ready, when the device has asked for a kick, and after some kicks in any case.
   */
  #serve(kickFd: EventFd, kick: () => void): void {
    for (let left = KICKS_PER_TURN; ; left--) {
      kick();
      if (left === 0 || this.#watch === null || this.kickOwed || kickFd.closed) return;
      if (!kickFd.waitAndClear(NEXT_KICK_US)) return;
    }
  }

  /** Idempotent. A kick that has not been taken stays in the eventfd. */
  unlisten(): void {
    this.#watch?.close();
    this.#watch = null;
  }
}
