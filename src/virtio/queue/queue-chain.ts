/** The chain object behind the Chain interface: used again and again for as long as its queue lives. */
import type { Chain } from './chain.js';
import type { MemoryMap } from './memory-map.js';
import type { RingFaults } from './ring-faults.js';
import { SegmentBudget } from './segment-budget.js';
import { ReadableSegments, WritableSegments } from './segment-buffers.js';
import { makeRoom, SegmentList } from './segment-list.js';

/** The queue a chain goes back to. */
export interface ChainOwner {
  /** False once it has stopped or failed. */
  readonly running: boolean;
  readonly faults: RingFaults;
  complete(chain: QueueChain, written: number): void;
}

export const ChainState = {
  idle: 0,
  /** With the device: from `pop` to `complete`. */
  taken: 1,
  /** Completed, and waiting for its turn in the used ring (VIRTIO_F_IN_ORDER). */
  held: 2,
} as const;

const TAKEN = ChainState.taken;

export class QueueChain extends SegmentList implements Chain {
  declare readonly readable: ReadableSegments;
  declare readonly writable: WritableSegments;
  declare private readonly owner: ChainOwner;
  /** The next idle one, while this one is idle. */
  link: QueueChain | null = null;
  head = 0;
  state: number = ChainState.idle;
  /** Descriptors of the ring that the chain occupies. */
  descriptors = 0;
  /** What the device reported, while it is held. */
  written = 0;

  constructor(owner: ChainOwner, room: Float64Array, memory: MemoryMap, budget: SegmentBudget) {
    super(room, memory, budget, owner.faults);
    this.owner = owner;
    this.readable = new ReadableSegments(this);
    this.writable = new WritableSegments(this);
  }

  /** Puts itself in front of a list of idle ones. */
  before(rest: QueueChain): this {
    this.link = rest;
    return this;
  }

  get usable(): boolean {
    return this.state === TAKEN && this.owner.running;
  }

  complete(written: number): void {
    this.owner.complete(this, written);
  }
}

/**
 * The chains of a queue, linked: one more than can be in flight, because no more are than the ring has descriptors, so that
 * there always is an idle one.
 */
export function makeChains(owner: ChainOwner, memory: MemoryMap, queueSize: number): QueueChain {
  const budget = new SegmentBudget(queueSize);
  const chains = makeRoom(queueSize + 1).map((room) => new QueueChain(owner, room, memory, budget));
  return chains.reduce((rest, chain) => chain.before(rest));
}
