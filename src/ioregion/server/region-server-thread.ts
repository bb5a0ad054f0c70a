/** A region server on a Worker of its own, seen from the thread that started it. */
import { type MessagePort, Worker } from 'node:worker_threads';
import { entryFile, OWNED_FDS } from '../../native/entry-file.js';
import { type FdLike, fdNumber } from '../dispatcher/region.js';
import { kickRegionServer, stopRegionServer } from './blocking-server.js';
import type { ServerStats } from './counters.js';
import type { ServerEnd } from './end.js';
import { DeviceLoadError, ServerWorkerError } from './errors.js';
import type { OrderGroup } from './order-group.js';
import {
  fromPlainEnd,
  type ServedModule,
  type ServerWorkerData,
  type ServerWorkerMessage,
  type ServerWorkerRequest,
} from './worker-messages.js';

export interface RegionServerThreadOptions {
  /** Duplicated: the owner may close its own once `start` has resolved. */
  readonly readFd: FdLike;
  readonly writeFd: FdLike;
  readonly regions: readonly ServedModule[];
  /** The device's other fds are served by threads of the same group. */
  readonly group?: OrderGroup;
  /** Longest busy-wait before sleeping, ns; only where the vCPU runs on another core. Default 0. */
  readonly spinNs?: number;
  /** The CPUs of the thread. Sharing one with the vCPU saves waking another: see docs/architecture.md. */
  readonly cpus?: readonly number[];
  /** Open files for the device (`DeviceContext.fds`); they must stay open as long as the thread runs. */
  readonly fds?: Readonly<Record<string, FdLike>>;
  readonly shared?: SharedArrayBuffer;
  /** What of the options of the devices is transferred. */
  readonly transfer?: readonly MessagePort[];
  /** Called with the first errors of a device's handlers. */
  readonly onDeviceError?: (error: unknown) => void;
}

/** How the service ended, and what it counted. */
export interface ServerResult {
  readonly end: ServerEnd;
  readonly stats: ServerStats;
}

interface Asked {
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

export class RegionServerThread {
  /** Settles when the service ends. Rejects (ServerWorkerError) only where the Worker itself died. */
  readonly ended: Promise<ServerResult>;
  readonly #worker: Worker;
  readonly #serverId: number;
  readonly #asked: Asked[] = [];

  private constructor(worker: Worker, serverId: number, ended: Promise<ServerResult>) {
    this.#worker = worker;
    this.#serverId = serverId;
    this.ended = ended;
    worker.on('message', (message: ServerWorkerMessage) => {
      if (message.type === 'answered') this.#asked.shift()?.resolve(message.answer);
      else if (message.type === 'ask-failed') this.#asked.shift()?.reject(message.error);
    });
    worker.once('exit', () => this.#abandon('it ended before it answered'));
  }

  /** Resolves once the devices are loaded and the fd is served. @throws DeviceLoadError, ServerWorkerError */
  static async start(options: RegionServerThreadOptions): Promise<RegionServerThread> {
    const [thread] = await RegionServerThread.startAll([options]);
    return thread!;
  }

  /**
   * Starts the threads of one device together: none serves before all of its group have joined, or a read could miss a
   * write that waits for a thread yet to come. Where one fails, the others are closed again.
   * @throws DeviceLoadError, ServerWorkerError
   */
  static async startAll(options: readonly RegionServerThreadOptions[]): Promise<RegionServerThread[]> {
    const settled = await Promise.allSettled(options.map((each) => RegionServerThread.#open(each)));
    const threads = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    for (const thread of threads) thread.#worker.postMessage('serve');
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed === undefined) return threads;
    await Promise.all(threads.map((thread) => thread.close()));
    throw failed.reason;
  }

  static async #open(options: RegionServerThreadOptions): Promise<RegionServerThread> {
    const worker = new Worker(entryFile(new URL('./region-server-worker.js', import.meta.url)), {
      workerData: toData(options),
      ...OWNED_FDS,
      transferList: [...(options.transfer ?? [])],
    });
    const ended = whenEnded(worker);
    ended.catch(() => {}); /* who does not look at it must not crash from it */
    try {
      return new RegionServerThread(worker, await whenReady(worker, options), ended);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  /**
   * What the first device that has `ask` answers, on its thread, between two accesses: those that come meanwhile wait for it.
   * @throws ServerWorkerError where the thread has ended, and what the device throws
   */
  ask(question: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#worker.postMessage({ question } satisfies ServerWorkerRequest);
      if (kickRegionServer(this.#serverId)) return;
      this.#abandon('it has ended');
    });
  }

  /** Lets the process end although this thread is there, as `unref` of any Worker does; its waits end then. */
  unref(): void {
    this.#worker.unref();
  }

  /** Keeps the process alive until `close`: the default. */
  ref(): void {
    this.#worker.ref();
  }

  /** Stops the service after the access under way and waits for the thread to be gone. Idempotent. */
  async close(): Promise<void> {
    stopRegionServer(this.#serverId);
    await this.ended.catch(() => {});
    await this.#worker.terminate();
  }

  #abandon(reason: string): void {
    for (const { reject } of this.#asked.splice(0)) reject(new ServerWorkerError(reason));
  }
}

function toData(options: RegionServerThreadOptions): ServerWorkerData {
  const named = Object.entries(options.fds ?? {}).map(([name, fd]) => [name, fdNumber(fd)] as const);
  return {
    readFd: fdNumber(options.readFd),
    writeFd: fdNumber(options.writeFd),
    regions: options.regions,
    groupId: options.group?.id ?? null,
    spinNs: options.spinNs ?? 0,
    cpus: options.cpus ?? null,
    fds: Object.fromEntries(named),
    shared: options.shared ?? null,
  };
}

function whenReady(worker: Worker, options: RegionServerThreadOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: ServerWorkerMessage) => {
      if (message.type === 'ready') resolve(message.serverId);
      if (message.type === 'failed') reject(startError(message));
      if (message.type === 'device-error') options.onDeviceError?.(message.error);
    });
    worker.once('error', (error) => reject(new ServerWorkerError(error.message, error)));
    worker.once('exit', () => reject(new ServerWorkerError('it exited before it was ready')));
  });
}

function startError(message: Extract<ServerWorkerMessage, { type: 'failed' }>): Error {
  if (message.module !== null) return new DeviceLoadError(message.module, message.message);
  return new ServerWorkerError(message.message);
}

function whenEnded(worker: Worker): Promise<ServerResult> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: ServerWorkerMessage) => {
      if (message.type === 'ended') resolve({ end: fromPlainEnd(message.end), stats: message.stats });
    });
    worker.once('error', (error) => reject(new ServerWorkerError(error.message, error)));
    worker.once('exit', () => reject(new ServerWorkerError('no result')));
  });
}
