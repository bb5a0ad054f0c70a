/**
 * The device loop under test: takes chains, a batch of up to 32, completes them in order, and flushes; until there are none.
 * bench/reference/queue/queue_loop.c is the same in C, where each chain of a batch is popped alone.
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
  #calls = 0;

  constructor(point: Point) {
    const packed = point.format === 'packed';
    const make = packed ? PackedDriver : SplitDriver;
    this.#driver = new make(point, this.#memory, packed ? Feature.ringPacked : 0n);
    this.#queue = createQueue(this.#driver.setup, this.#memory, { call: () => this.#calls++ });
    /* All are in flight at once, so that every chain object has been one. */
    const chains: Chain[] = [];
    this.#driver.fill();
    for (let chain = this.#queue.pop(); chain !== null; chain = this.#queue.pop()) chains.push(chain);
    for (const chain of chains) chain.complete(chain.writable.byteLength);
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
      seen += serve(this.#queue);
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
      serve(this.#queue);
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

/** What it sees of a round fits in 31 bits, which `| 0` tells the compiler. */
function serve(queue: QueueEngine): number {
  const { batch } = queue;
  let seen = 0;
  for (let count = queue.popBatch(); count > 0; count = queue.popBatch()) {
    for (let i = 0; i < count; i++) {
      const chain = batch[i]!;
      const { readable, writable, head } = chain;
      const written = writable.byteLength;
      seen = (seen + head + readable.byteLength + written + readable.segmentCount + writable.segmentCount) | 0;
      chain.complete(written);
    }
    queue.flush();
  }
  return seen;
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
