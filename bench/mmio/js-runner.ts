/** The JavaScript side of every row: a set-up that lives as long as the pair is measured. */
import { Cleanup } from './cleanup.js';
import type { MeasuringThread } from './measuring-thread.js';
import type { PathRunner, Slot } from './path-runner.js';
import type { Cpus } from './placement.js';
import type { Operation, PairSpec, PathName } from './row.js';

export interface PathSetUpOptions extends PairSpec {
  readonly cpus: Cpus;
  /** The bench guest's image; null where no guest can run. */
  readonly guest: string | null;
  /** An existing directory, private to this run. */
  readonly directory: string;
}

/** Builds a path and returns the thread that measures it; what must be closed goes into `cleanup` at once. */
export type PathSetUp = (options: PathSetUpOptions, cleanup: Cleanup) => Promise<MeasuringThread>;

export class JsRunner implements PathRunner {
  readonly implementation = 'js';
  readonly path: PathName;
  readonly operation: Operation;
  readonly #setUp: PathSetUp;
  readonly #options: PathSetUpOptions;
  readonly #cleanup = new Cleanup();
  #thread: MeasuringThread | null = null;

  constructor(setUp: PathSetUp, options: PathSetUpOptions) {
    this.path = options.path;
    this.operation = options.operation;
    this.#setUp = setUp;
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#thread = await this.#setUp(this.#options, this.#cleanup);
  }

  async slot(milliseconds: number): Promise<Slot> {
    if (this.#thread === null) throw new TypeError(`${this.path} is not open`);
    return await this.#thread.slot(milliseconds);
  }

  async close(): Promise<void> {
    this.#thread = null;
    await this.#cleanup.run();
  }
}
