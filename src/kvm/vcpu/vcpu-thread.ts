/** The thread of a vCPU that is yet to come: a Worker starts while everything else of a machine is made. */
import { Worker } from 'node:worker_threads';
import { entryFile, OWNED_FDS, SMALL_HEAP } from '../../native/entry-file.js';
import type { VcpuThreadData } from './messages.js';

export class VcpuThread {
  readonly #worker: Worker;
  #isTaken = false;

  /** `modules`: URLs of what its exit handler will need. A thread that nobody takes does not keep the process alive. */
  constructor(modules: readonly string[] = []) {
    const workerData: VcpuThreadData = { modules };
    this.#worker = new Worker(entryFile(new URL('./vcpu-worker.js', import.meta.url)), {
      workerData,
      ...SMALL_HEAP,
      ...OWNED_FDS,
    });
    this.#worker.unref();
  }

  /** Once: for a vCPU. Null where it has been taken. */
  take(): Worker | null {
    if (this.#isTaken) return null;
    this.#isTaken = true;
    this.#worker.ref();
    return this.#worker;
  }

  /** Ends it where nobody has taken it. */
  async close(): Promise<void> {
    await this.take()?.terminate();
  }
}
