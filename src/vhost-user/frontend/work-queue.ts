/** Work that is done one piece after another. */
export class WorkQueue {
  readonly #failed: (error: Error) => void;
  #tail: Promise<void> = Promise.resolve();

  /** `failed` hears what pieces added with `add` reject with. */
  constructor(failed: (error: Error) => void) {
    this.#failed = failed;
  }

  /** Resolves when it has been done, or has failed. */
  add(work: () => Promise<void>): Promise<void> {
    return this.run(work).catch((error) => this.#failed(error));
  }

  /** Settles as the work does. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(work);
    this.#tail = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  /** Resolves when nothing is left, what is added meanwhile included. */
  async idle(): Promise<void> {
    for (let seen: Promise<void> | null = null; seen !== this.#tail; ) {
      seen = this.#tail;
      await seen;
    }
  }
}
