/** Readiness of descriptors on the event loop. */
import { native, type WatchObject } from './binding.js';
import type { Fd } from './fd.js';
import { system } from './system-error.js';

/** What a watch waits for: bits. */
export const WatchEvent = { readable: 1, writable: 2 } as const;

/**
 * Called while the descriptor is ready, again and again until what is there has been read (or written). `status` is 0,
 * `events` the bits of WatchEvent that hold; or `status` is a negative errno and the watch has stopped waiting. What it
 * throws becomes an uncaughtException.
 */
export type ReadyListener = (status: number, events: number) => void;

/**
 * Watches a descriptor on this thread's event loop. The watch works on a duplicate, so that closing the Fd first is
 * harmless, but the open file stays open until the watch is closed. Watching makes the open file non-blocking.
 */
export class FdWatch implements Disposable {
  readonly #watch: WatchObject;

  constructor(fd: Fd, onReady: ReadyListener) {
    this.#watch = system(() => native.watchFd(fd.number, onReady));
  }

  /** Waits for these events (bits of WatchEvent) from now on; 0 pauses. At first it is `readable`. No effect once closed. */
  select(events: number): void {
    system(() => native.watchEvents(this.#watch, events));
  }

  /** Keeps the event loop alive (the default). */
  ref(): this {
    native.refWatch(this.#watch, true);
    return this;
  }

  /** Lets the process end although the watch is open. */
  unref(): this {
    native.refWatch(this.#watch, false);
    return this;
  }

  /** No call comes after this one. Idempotent. */
  close(): void {
    native.unwatchFd(this.#watch);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
