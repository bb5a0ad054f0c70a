/**
 * The states behind StatePorts. A thread of its own asks them: the main thread must not wait for a device in another process
 * that waits for the main thread.
 */
import { Worker } from 'node:worker_threads';
import type { FailureReason } from '../../ioregion/index.js';
import { entryFile } from '../../native/entry-file.js';
import { RemoteStateError } from '../../virtio/state/index.js';
import type { RemotePort } from '../attach/index.js';
import type { PortAnswer, PortLost, PortQuestion } from './remote-targets-worker.js';
import type { StateTarget } from './state-target.js';

interface Waiting {
  resolve(state: Uint8Array | null): void;
  reject(error: Error): void;
}

/** By the name of the port. */
type LostTargetListener = (name: string, reason: FailureReason) => void;

/** Belongs to one snapshot, or to one restoring. */
export class RemoteTargets {
  readonly targets: readonly StateTarget[];
  readonly #worker: Worker | null;
  readonly #onLost: LostTargetListener;
  /** The thread answers one after the other. */
  readonly #waiting: { readonly name: string; readonly waiting: Waiting }[] = [];

  /** Of a thread that is there until `close`; none where there are no ports. `onLost` hears of devices that do not answer any more. */
  constructor(ports: readonly RemotePort[], onLost: LostTargetListener) {
    this.#onLost = onLost;
    this.#worker = ports.length === 0 ? null : this.#start(ports);
    this.targets = ports.map(({ name }, port) => this.#target(name, port));
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(ports: readonly RemotePort[]): Worker {
    const worker = new Worker(entryFile(new URL('./remote-targets-worker.js', import.meta.url)), { workerData: ports });
    worker.on('message', (answer: PortAnswer | PortLost) => {
      if ('lost' in answer) return this.#onLost(ports[answer.port]!.name, answer.lost);
      const { name, waiting } = this.#waiting.shift()!;
      if ('failed' in answer) waiting.reject(new RemoteStateError(name, answer.failed));
      else waiting.resolve(answer.state);
    });
    worker.once('error', (error) => this.#abandon(error.message));
    worker.once('exit', () => this.#abandon('nobody asks for it any more'));
    return worker;
  }

  #abandon(reason: string): void {
    for (const { name, waiting } of this.#waiting.splice(0)) waiting.reject(new RemoteStateError(name, reason));
  }

  #target(name: string, port: number): StateTarget {
    const ask = (question: PortQuestion) => this.#ask(name, question);
    return {
      name,
      suspend: async () => void (await ask({ port, op: 'suspend' })),
      save: async () => (await ask({ port, op: 'save' })) ?? new Uint8Array(0),
      restore: async (state) => void (await ask({ port, op: 'restore', state })),
      resume: async () => void (await ask({ port, op: 'resume' })),
    };
  }

  #ask(name: string, question: PortQuestion): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ name, waiting: { resolve, reject } });
      this.#worker!.postMessage(question);
    });
  }
}
