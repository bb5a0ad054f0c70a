/** Keeps the inflight part of a split queue, and finds in it what a backend that died has left. */
import type { ObservedChain, QueueObserver, RecoveredChain } from '../../../virtio/queue/index.js';
import { byCounter, writeCounter } from './counter.js';
import { INFLIGHT_VERSION, SplitEntry, SplitPart } from './layout.js';

const LAST_BATCH_HEAD = SplitPart.lastBatchHead / 2;
const USED_IDX = SplitPart.usedIdx / 2;
const VERSION = SplitPart.version / 2;
const ENTRIES = SplitPart.entries / 2;

/** The part is the frontend's memory: what it says is believed only within its bounds. */
export class SplitTracker implements QueueObserver {
  /** Chains in flight when the part was last written to, oldest first. */
  readonly recovered: readonly RecoveredChain[];
  readonly #bytes: Uint8Array;
  readonly #halves: Uint16Array;
  readonly #words: Uint32Array;
  readonly #entries: number;
  /** Heads used and not yet published. */
  readonly #batch: Uint16Array;
  #batched = 0;
  #counter = 1;

  /** `usedIdx`: of the used ring, as the driver sees it. */
  constructor(part: Uint8Array, queueSize: number, usedIdx: number) {
    this.#bytes = part;
    this.#halves = new Uint16Array(part.buffer, part.byteOffset, part.length / 2);
    this.#words = new Uint32Array(part.buffer, part.byteOffset, part.length / 4);
    this.#entries = queueSize;
    this.#batch = new Uint16Array(queueSize);
    if (this.#halves[VERSION] === INFLIGHT_VERSION) this.#endBatch(usedIdx);
    else this.#begin(usedIdx);
    this.recovered = this.#inFlight();
    this.#halves[ENTRIES] = queueSize;
  }

  taken({ head }: ObservedChain): void {
    writeCounter(this.#words, entryAt(head, SplitEntry.counter), this.#counter++);
    Atomics.store(this.#bytes, entryAt(head, SplitEntry.inflight), 1);
  }

  used({ head }: ObservedChain): void {
    const halves = this.#halves;
    halves[entryAt(head, SplitEntry.next) / 2] = halves[LAST_BATCH_HEAD]!;
    Atomics.store(halves, LAST_BATCH_HEAD, head);
    this.#batch[this.#batched++] = head;
  }

  /** What the driver sees is not in flight any more. */
  published(usedIdx: number): void {
    for (let i = 0; i < this.#batched; i++) this.#bytes[entryAt(this.#batch[i]!, SplitEntry.inflight)] = 0;
    this.#batched = 0;
    Atomics.store(this.#halves, USED_IDX, usedIdx);
  }

  kicksSet(): void {}

  #begin(usedIdx: number): void {
    this.#bytes.fill(0);
    this.#halves[USED_IDX] = usedIdx;
    this.#halves[VERSION] = INFLIGHT_VERSION;
  }

  /** A backend that died between the publishing of a batch and the end of `published`. */
  #endBatch(usedIdx: number): void {
    const halves = this.#halves;
    let head = halves[LAST_BATCH_HEAD]!;
    const count = (usedIdx - halves[USED_IDX]!) & 0xffff;
    for (let i = 0; i < count && count <= this.#entries && head < this.#entries; i++) {
      this.#bytes[entryAt(head, SplitEntry.inflight)] = 0;
      head = halves[entryAt(head, SplitEntry.next) / 2]!;
    }
    halves[USED_IDX] = usedIdx;
  }

  #inFlight(): RecoveredChain[] {
    const heads = [...Array(this.#entries).keys()];
    const flying = heads.filter((head) => this.#bytes[entryAt(head, SplitEntry.inflight)] !== 0);
    const ordered = byCounter(flying, this.#words, (head) => entryAt(head, SplitEntry.counter));
    return ordered.map((head) => ({ head }));
  }
}

function entryAt(head: number, field: number): number {
  return SplitPart.size + SplitEntry.size * head + field;
}
