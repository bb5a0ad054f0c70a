/** Work for later on a thread without an event loop: done at the end of the access that caused it. */
export class DeferredWork {
  readonly #work: (() => void)[] = [];
  #running = false;

  add(work: () => void): void {
    this.#work.push(work);
  }

  /** Runs what there is, and what that adds. A call from within does nothing. */
  run(): void {
    if (this.#running || this.#work.length === 0) return;
    this.#running = true;
    try {
      for (let next = this.#work.shift(); next !== undefined; next = this.#work.shift()) next();
    } finally {
      this.#running = false;
    }
  }
}
