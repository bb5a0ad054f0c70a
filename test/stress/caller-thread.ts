/** A loopback caller on a Worker. */
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { kickLoopbackCaller, type NativeDispatcher, openLoopbackCaller } from 'ioregion/ioregion';
import type { Access } from './guest.js';
import type { Performer } from './performer.js';

interface CallerThreadData {
  readonly callerThread: true;
  readonly dispatcherId: number;
  /** One counter. */
  readonly interruptions: Int32Array;
}

export class CallerThread implements Performer {
  readonly #worker: Worker;
  readonly #counter: Int32Array;
  readonly #callerId: number;

  private constructor(worker: Worker, counter: Int32Array, callerId: number) {
    this.#worker = worker;
    this.#counter = counter;
    this.#callerId = callerId;
  }

  static async start(dispatcher: NativeDispatcher): Promise<CallerThread> {
    const interruptions = new Int32Array(new SharedArrayBuffer(4));
    const data: CallerThreadData = { callerThread: true, dispatcherId: dispatcher.id, interruptions };
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    const [callerId] = (await once(worker, 'message')) as [number];
    return new CallerThread(worker, interruptions, callerId);
  }

  get interruptions(): number {
    return Atomics.load(this.#counter, 0);
  }

  async interrupted(count: number): Promise<void> {
    while (this.interruptions < count) await setImmediate();
  }

  async perform(accesses: readonly Access[]): Promise<readonly (number | null)[]> {
    this.#worker.postMessage(accesses);
    const [values] = (await once(this.#worker, 'message')) as [(number | null)[]];
    return values;
  }

  kick(): void {
    kickLoopbackCaller(this.#callerId);
  }

  unref(): void {
    this.#worker.unref();
  }

  /**
   * Ends the thread in the middle of an access. `terminate` alone ends JavaScript only: the thread is in a system call
   * until a kick brings it back.
   */
  async terminate(): Promise<void> {
    const terminated = this.#worker.terminate();
    this.kick();
    await terminated;
  }

  async close(): Promise<void> {
    this.#worker.postMessage(null);
    await once(this.#worker, 'exit');
  }
}

function serve({ dispatcherId, interruptions }: CallerThreadData): void {
  const caller = openLoopbackCaller(dispatcherId);
  caller.onInterrupted = () => void Atomics.add(interruptions, 0, 1);
  const perform = ({ space, address, size, value }: Access): number | null => {
    if (value === undefined) return caller.read(space, address, size);
    caller.write(space, address, size, value);
    return null;
  };
  parentPort!.on('message', (accesses: readonly Access[] | null) => {
    if (accesses !== null) return parentPort!.postMessage(accesses.map(perform));
    caller.close();
    parentPort!.close();
  });
  parentPort!.postMessage(caller.id);
}

if ((workerData as Partial<CallerThreadData> | null)?.callerThread === true) serve(workerData as CallerThreadData);
