/** Undoing what a set-up has done so far, so that no error path leaks a descriptor or a mapping. */

/** Things to dispose of, last in first out. */
export class Disposables implements Disposable {
  #entries: Disposable[] = [];

  /** Adds `resource` and returns it. */
  use<Resource extends Disposable>(resource: Resource): Resource {
    this.#entries.push(resource);
    return resource;
  }

  /** Adds a function to call at disposal. */
  defer(undo: () => void): void {
    this.#entries.push({ [Symbol.dispose]: undo });
  }

  /** Gives up ownership of everything: nothing is disposed of any more. */
  release(): void {
    this.#entries = [];
  }

  /** Disposes of everything, even where some of it fails: see `closeAll`. */
  [Symbol.dispose](): void {
    const entries = this.#entries;
    this.#entries = [];
    closeAll(entries.reverse());
  }
}

/**
 * Disposes of each resource. Failures do not stop it; at the end a single one is thrown as it is, several together as an
 * AggregateError.
 */
export function closeAll(resources: Iterable<Disposable>): void {
  const failures: unknown[] = [];
  for (const resource of resources) {
    try {
      resource[Symbol.dispose]();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, `${failures.length} resource(s) could not be closed`);
}

/**
 * Runs a set-up. Where it throws, everything it added to `undo` is disposed of and the error goes on; where it
 * returns, the resources stay open and belong to the result.
 */
export function undoOnFailure<Result>(setUp: (undo: Disposables) => Result): Result {
  const undo = new Disposables();
  try {
    const result = setUp(undo);
    undo.release();
    return result;
  } finally {
    undo[Symbol.dispose]();
  }
}
