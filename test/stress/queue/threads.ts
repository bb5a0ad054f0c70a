/**
 * A driver and a device that meet only in a ring, each on a thread of its own: kicks and calls are made where the other side
 * asks for them, and waited for. A fence that is missing shows as a wait that nobody ends.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { GuestMemory, type SharedMemory } from '../../../src/memory/index.js';
import { MockQueue } from '../../../src/testing/index.js';
import { createQueue, type QueueEngine, type QueueSetup } from '../../../src/virtio/index.js';
import { Random } from '../random.js';

/** Longer than any thread is kept from running. */
const LOST_MS = 20_000;
const MEMORY_BYTES = 1 << 20;
const ANSWER_BYTES = 4;
const SPINS = 2000;
const Signal = { kicks: 0, calls: 1, ended: 2 } as const;

export interface ThreadsOptions {
  readonly features: bigint;
  readonly size: number;
  readonly chains: number;
  readonly seed: number;
}

export interface ThreadsReport {
  readonly kicks: number;
  readonly calls: number;
}

interface Shared extends ThreadsOptions {
  readonly memory: SharedMemory;
  readonly signals: SharedArrayBuffer;
  readonly setup: QueueSetup | null;
}

/** Rejects where a kick or a call was lost, an answer was wrong, or the queue failed. */
export async function runThreads(options: ThreadsOptions): Promise<ThreadsReport> {
  using memory = GuestMemory.create(MEMORY_BYTES);
  const signals = new Int32Array(new SharedArrayBuffer(4 * 3));
  const shared = { ...options, memory: memory.share(), signals: signals.buffer, setup: null };
  const driver = new Worker(new URL(import.meta.url), { workerData: { ...shared } });
  const [setup] = (await once(driver, 'message')) as [QueueSetup];
  const device = new Worker(new URL(import.meta.url), { workerData: { ...shared, setup } });
  try {
    await Promise.race([Promise.all([once(driver, 'exit'), once(device, 'exit')]), failure(driver), failure(device)]);
  } finally {
    await Promise.all([driver.terminate(), device.terminate()]);
  }
  return { kicks: signals[Signal.kicks]!, calls: signals[Signal.calls]! };
}

async function failure(worker: Worker): Promise<never> {
  const [error] = await once(worker, 'error');
  throw error;
}

class Bell {
  readonly #words: Int32Array;
  readonly #at: number;
  #seen = 0;

  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  ring(): void {
    Atomics.add(this.#words, this.#at, 1);
    Atomics.notify(this.#words, this.#at);
  }

  /** Until there was one more than at the last time. Spins first, so that both threads stay awake and meet in the ring. */
  wait(what: string): void {
    for (let spins = 0; spins < SPINS && Atomics.load(this.#words, this.#at) === this.#seen; spins++);
    if (Atomics.wait(this.#words, this.#at, this.#seen, LOST_MS) === 'timed-out') throw new Error(`a ${what} was lost`);
    this.#seen = Atomics.load(this.#words, this.#at);
  }
}

function drive(options: Shared): void {
  const memory = GuestMemory.fromShared(options.memory);
  const words = new Int32Array(options.signals);
  const kicks = new Bell(words, Signal.kicks);
  const calls = new Bell(words, Signal.calls);
  const { features, size } = options;
  const kick = () => kicks.ring();
  const queue = new MockQueue(memory, { index: 0, size, features, base: 0, end: MEMORY_BYTES, kick });
  parentPort!.postMessage(queue.setup);
  const random = new Random(options.seed);
  for (let left = options.chains; left > 0; left--) {
    queue.add([{ room: ANSWER_BYTES }]);
    queue.kick();
    queue.collect();
    while (queue.freeDescriptors === 0) if (queue.collect() === 0) calls.wait('call');
    if (random.below(4) === 0) while (queue.inFlight > 0) if (queue.collect() === 0) calls.wait('call');
  }
  while (queue.inFlight > 0) if (queue.collect() === 0) calls.wait('call');
  Atomics.store(words, Signal.ended, 1);
  kicks.ring();
  memory.close();
}

function serve(options: Shared): void {
  const memory = GuestMemory.fromShared(options.memory);
  const words = new Int32Array(options.signals);
  const kicks = new Bell(words, Signal.kicks);
  const calls = new Bell(words, Signal.calls);
  const engine = createQueue(options.setup!, memory, { call: () => calls.ring() });
  const random = new Random(options.seed + 1);
  let disabled = false;
  while (Atomics.load(words, Signal.ended) === 0) {
    answer(engine, random.below(2) === 0);
    if (engine.failure !== null) throw engine.failure;
    // A pop that finds nothing has asked for a kick by itself, unless kicks are disabled.
    if (!disabled || !engine.enableKicks()) kicks.wait('kick');
    disabled = random.below(4) === 0;
    if (disabled) engine.disableKicks();
  }
  memory.close();
}

/** All chains that are there; each is flushed by itself, or all together. */
function answer(engine: QueueEngine, eachAlone: boolean): void {
  for (let chain = engine.pop(); chain !== null; chain = engine.pop()) {
    chain.complete(chain.writable.fill(1, 0, ANSWER_BYTES));
    if (eachAlone) engine.flush();
  }
  engine.flush();
}

if (!isMainThread && (workerData as Partial<Shared> | null)?.signals !== undefined) {
  const shared = workerData as Shared;
  if (shared.setup === null) drive(shared);
  else serve(shared);
}
