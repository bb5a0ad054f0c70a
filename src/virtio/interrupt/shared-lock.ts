/** A lock in shared memory, for threads that hold it over a few instructions or one system call. */

const FREE = 0;
const HELD = 1;
const CONTENDED = 2;
/** Nobody holds a lock this long: its holder is a thread that was terminated. */
const HOLDER_DIED_MS = 1000;

/** Takes the lock in `words[at]`. Waits for its holder, but not for one that is gone. */
export function acquire(words: Int32Array, at: number): void {
  if (Atomics.compareExchange(words, at, FREE, HELD) === FREE) return;
  while (Atomics.exchange(words, at, CONTENDED) !== FREE) {
    if (Atomics.wait(words, at, CONTENDED, HOLDER_DIED_MS) === 'timed-out') return;
  }
}

export function release(words: Int32Array, at: number): void {
  if (Atomics.exchange(words, at, FREE) === CONTENDED) Atomics.notify(words, at, 1);
}
