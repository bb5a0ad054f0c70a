/** What has to be undone, asynchronously, however far a set-up came. */

type Undo = () => void | Promise<void>;

export class Cleanup {
  #undos: Undo[] = [];

  defer(undo: Undo): void {
    this.#undos.push(undo);
  }

  /** Closes `resource` later and returns it. */
  use<Resource extends { close(): void | Promise<void> }>(resource: Resource): Resource {
    this.defer(() => resource.close());
    return resource;
  }

  /** Undoes everything, last first, one after the other; the first failure is thrown once all are done. Idempotent. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (let undo = this.#undos.pop(); undo !== undefined; undo = this.#undos.pop()) {
      try {
        await undo();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
