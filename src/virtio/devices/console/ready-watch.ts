/** Readiness of whatever a stream may be, files included. */
import { type Fd, FdWatch, SystemError } from '../../../native/index.js';

/** Bits of WatchEvent that hold; 0 where the descriptor is broken. */
export type ReadyListener = (events: number) => void;

export class ReadyWatch implements Disposable {
  readonly #listener: ReadyListener;
  /** Null: a file that cannot be waited for, because it is always ready. */
  readonly #watch: FdWatch | null;
  #selected = 0;
  #scheduled = false;

  constructor(fd: Fd, listener: ReadyListener) {
    this.#listener = listener;
    this.#watch = watchIfPossible(fd, (status, events) => this.#onReady(status, events));
    this.#watch?.select(0);
  }

  /** Waits for these events (bits of WatchEvent); 0 pauses. */
  select(events: number): void {
    if (events === this.#selected) return;
    this.#selected = events;
    if (this.#watch !== null) this.#watch.select(events);
    else this.#schedule();
  }

  /** No call comes after this one. Idempotent. */
  close(): void {
    this.#selected = 0;
    this.#watch?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** A broken descriptor is not waited for any more. */
  #onReady(status: number, events: number): void {
    if (status < 0) this.#selected = 0;
    this.#listener(status < 0 ? 0 : events);
  }

  #schedule(): void {
    if (this.#scheduled || this.#selected === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#selected !== 0) this.#listener(this.#selected);
      this.#schedule();
    });
  }
}

function watchIfPossible(fd: Fd, onReady: (status: number, events: number) => void): FdWatch | null {
  try {
    return new FdWatch(fd, onReady);
  } catch (error) {
    if (error instanceof SystemError && error.errnoName === 'EPERM') return null;
    throw error;
  }
}
