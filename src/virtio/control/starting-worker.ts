/** The Worker of a device, from its launch until the device is there. */
import { type MessagePort, Worker } from 'node:worker_threads';
import { entryFile, OWNED_FDS, SMALL_HEAP } from '../../native/entry-file.js';
import { DeviceWorkerError } from './errors.js';
import type { Starting } from './starting.js';
import { SyncReply } from './sync-reply.js';
import type { ControlReply, ReadyReply, StartReply, StartWorkerData, WorkerData } from './worker-messages.js';

export class StartingWorker implements Starting<ReadyReply> {
  readonly worker: Worker;
  readonly exited: Promise<void>;
  readonly #reply = new SyncReply<StartReply>();
  readonly #ready: Promise<ReadyReply>;

  /** `arrival` is told as well; it is the Worker's from here on. */
  constructor(entry: URL, data: WorkerData, logToStderr: boolean, arrival: MessagePort | null) {
    const { address } = this.#reply;
    const workerData: StartWorkerData = { ...data, logToStderr, reply: address, arrival };
    this.worker = new Worker(entryFile(entry), {
      workerData,
      transferList: arrival === null ? [address.port] : [address.port, arrival],
      ...SMALL_HEAP,
      ...OWNED_FDS,
    });
    this.exited = new Promise((resolve) => this.worker.once('exit', () => resolve()));
    this.#ready = whenReady(this.worker);
    this.#ready.catch(() => {}); /* whoever waits instead hears of it there */
  }

  /** @throws DeviceWorkerError */
  ready(): Promise<ReadyReply> {
    return this.#ready;
  }

  /** A Worker that takes longer is ended. @throws DeviceWorkerError */
  wait(timeoutMs: number): ReadyReply {
    const reply = this.#reply.wait(timeoutMs);
    if (reply?.type === 'ready') return reply;
    void this.worker.terminate();
    throw new DeviceWorkerError(reply?.message ?? `it is not there after ${timeoutMs} ms, or has ended`);
  }
}

function whenReady(worker: Worker): Promise<ReadyReply> {
  return new Promise((resolve, reject) => {
    worker.once('message', (reply: ControlReply) => {
      if (reply.type === 'ready') resolve(reply);
      else reject(new DeviceWorkerError(reply.type === 'failed' ? reply.message : `it said ${reply.type}`));
    });
    worker.once('error', (error) => reject(new DeviceWorkerError(error.message, error)));
    worker.once('exit', () => reject(new DeviceWorkerError('it ended before it was ready')));
  });
}
