/** The chain object behind the Chain interface: used again and again for as long as its queue lives. */
import type { Chain } from './chain.js';
import type { MemoryMap } from './memory-map.js';
import type { RingFaults } from './ring-faults.js';
import { SegmentBudget } from './segment-budget.js';
import { ReadableSegments, WritableSegments } from './segment-buffers.js';
import { makeRooms, SegmentList } from './segment-list.js';

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

/** What the chains of a queue have in common. */
interface ChainShares {
  readonly memory: MemoryMap;
  readonly budget: SegmentBudget;
}

export class QueueChain extends SegmentList implements Chain {
  declare readonly readable: ReadableSegments;
  declare readonly writable: WritableSegments;
  declare private readonly owner: ChainOwner;
  /** It has no place in the line of its queue, and is linked to other spare ones while it is idle. */
  spare = true;
  nextSpare: QueueChain | null = null;
  head = 0;
  state: number = ChainState.idle;
  /** Descriptors of the ring that the chain occupies. */
  descriptors = 0;
  /** What the device reported, while it is held. */
  written = 0;

  constructor(owner: ChainOwner, room: Uint32Array, { memory, budget }: ChainShares) {
    super(room, memory, budget, owner.faults);
    this.owner = owner;
    this.readable = new ReadableSegments(this);
    this.writable = new WritableSegments(this);
  }

  endReadable(count: number, byteLength: number): void {
    this.readable.segmentCount = count;
    this.readable.byteLength = byteLength;
  }

  endWritable(count: number, byteLength: number): void {
    const { readable, writable } = this;
    writable.segmentCount = count - readable.segmentCount;
    writable.byteLength = byteLength - readable.byteLength;
  }

  get usable(): boolean {
    return this.state === TAKEN && this.owner.running;
  }

  complete(written: number): void {
    this.owner.complete(this, written);
  }
}

/** The chains of a queue, all idle: so many. */
export function makeChains(owner: ChainOwner, memory: MemoryMap, queueSize: number, count: number): QueueChain[] {
  const shares = { memory, budget: new SegmentBudget(queueSize) };
  return makeRooms(count).map((room) => new QueueChain(owner, room, shares));
}
