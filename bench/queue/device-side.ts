/**
 * The device loop under test: takes chains, up to a batch of them, completes them in order, and flushes; until there are
 * none. bench/reference/queue/queue_loop.c is the same in C.
 */
import { GuestMemory } from '../../src/memory/index.js';
import { native } from '../../src/native/index.js';
import { type Chain, createQueue, Feature, type QueueEngine } from '../../src/virtio/index.js';
import { HeapMeter } from '../heap/heap-meter.js';
import { median } from '../mmio/statistics.js';
import type { Driver } from './driver.js';
import { MEMORY_BYTES } from './layout.js';
import { PackedDriver } from './packed-driver.js';
import type { Point } from './points.js';
import { SplitDriver } from './split-driver.js';

const BATCH = 32;
const CLOCK_SAMPLES = 1000;

/** What the device saw, so that both languages can be asked whether they saw the same. */
export interface Run {
  readonly chains: number;
  /** Median time of a round of so many chains. */
  readonly round_ns: number;
  readonly seen: number;
  readonly calls: number;
}

export class DeviceSide implements Disposable {
  readonly #memory = GuestMemory.create(MEMORY_BYTES);
  readonly #driver: Driver;
  readonly #queue: QueueEngine;
  readonly #batch: Chain[] = [];
  #calls = 0;

  constructor(point: Point) {
    const packed = point.format === 'packed';
    const make = packed ? PackedDriver : SplitDriver;
    this.#driver = new make(point, this.#memory, packed ? Feature.ringPacked : 0n);
    this.#queue = createQueue(this.#driver.setup, this.#memory, { call: () => this.#calls++ });
    /* Filled, so that its places hold chains and nothing else. */
    this.#driver.fill();
    for (let chain = this.#queue.pop(); chain !== null; chain = this.#queue.pop()) this.#batch.push(chain);
    for (const chain of this.#batch) chain.complete(chain.writable.byteLength);
    this.#batch.length = BATCH;
    this.#queue.flush();
    this.#driver.collect();
  }

  run(rounds: number): Run {
    const times = new Float64Array(rounds);
    const calls = this.#calls;
    let seen = 0;
    for (let round = 0; round < rounds; round++) {
      this.#driver.fill();
      const start = native.monotonicNs();
      seen += serve(this.#queue, this.#batch);
      times[round] = native.monotonicNs() - start;
      this.#finishRound();
    }
    const round_ns = median(times) - clockCost();
    return { chains: this.#driver.chains, round_ns, seen, calls: this.#calls - calls };
  }

  #finishRound(): void {
    if (this.#queue.failure !== null) throw this.#queue.failure;
    this.#driver.collect();
  }

  /** Heap that one chain takes, in bytes, collected or not. */
  allocatedPerChain(rounds: number): number {
    const meter = new HeapMeter();
    meter.begin();
    for (let round = 0; round < rounds; round++) {
      this.#driver.fill();
      serve(this.#queue, this.#batch);
      this.#finishRound();
    }
    return meter.end().allocated / (rounds * this.#driver.chains);
  }

  get chains(): number {
    return this.#driver.chains;
  }

  [Symbol.dispose](): void {
    this.#queue.stop();
    this.#memory.close();
  }
}

function serve(queue: QueueEngine, batch: Chain[]): number {
  let seen = 0;
  for (;;) {
    let count = 0;
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      batch[count++] = chain;
      if (count === BATCH) break;
    }
    if (count === 0) return seen;
    for (let i = 0; i < count; i++) seen += finish(batch[i]!);
    queue.flush();
  }
}

function finish(chain: Chain): number {
  const { readable, writable, head } = chain;
  const written = writable.byteLength;
  const saw = head + readable.byteLength + written + readable.segmentCount + writable.segmentCount;
  chain.complete(written);
  return saw;
}

/** What reading the clock twice takes. */
function clockCost(): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < CLOCK_SAMPLES; i++) {
    const start = native.monotonicNs();
    least = Math.min(least, native.monotonicNs() - start);
  }
  return least;
}
