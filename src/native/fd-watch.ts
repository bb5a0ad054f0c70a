/** Readiness of descriptors on the event loop. */
import { native, type WatchObject } from './binding.js';
import type { Fd } from './fd.js';
import { system } from './system-error.js';

/**
 * Called while the descriptor is readable, again and again until what is there has been read. `status` is 0 or a
 * negative errno. What it throws becomes an uncaughtException.
 */
export type ReadableListener = (status: number) => void;

/**
 * Watches a descriptor on this thread's event loop. The watch works on a duplicate, so that closing the Fd first is
 * harmless, but the open file stays open until the watch is closed. Watching makes the open file non-blocking.
 */
export class FdWatch implements Disposable {
  readonly #watch: WatchObject;

  constructor(fd: Fd, onReadable: ReadableListener) {
    this.#watch = system(() => native.watchFd(fd.number, onReadable));
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
