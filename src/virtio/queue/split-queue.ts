/** A split virtqueue (2.7). */
import {
  AVAIL_NO_INTERRUPT,
  AvailRing,
  type DescriptorFlag,
  Feature,
  USED_NO_NOTIFY,
  UsedRing,
} from '../spec/index.js';
import { allowsIndirect, type RingAreas } from './areas.js';
import { DescriptorTable } from './descriptor-table.js';
import { passesEvent } from './event-index.js';
import type { GuestAccess } from './guest-access.js';
import type { MemoryMap } from './memory-map.js';
import { ChainState, type QueueChain } from './queue-chain.js';
import type { RecoveredChain } from './queue-observer.js';
import { RingQueue } from './ring-queue.js';
import type { QueueHooks, QueuePosition, QueueSetup } from './setup.js';
import { SplitChainReader } from './split-chain-reader.js';

const FLAGS = AvailRing.flags / 2;
const IDX = AvailRing.idx / 2;
const WRAP = 0xffff;
const UNARMED = -1;
// Copies: what a module imports is looked up again at each use.
const IDLE = ChainState.idle;
const TAKEN = ChainState.taken;

export class SplitQueue extends RingQueue {
  readonly format = 'split';
  private mask = 0;
  declare private readonly driver: GuestAccess;
  declare private readonly device: GuestAccess;
  /** The entries of the rings, for plain accesses. */
  declare private availRing: Uint16Array;
  declare private readonly usedRing: Uint32Array;
  declare private readonly ring: DescriptorTable;
  declare private readonly reader: SplitChainReader;
  /** 1 for each head in flight. */
  declare private readonly heads: Uint8Array;
  private readonly eventIdx: boolean;
  /** Indices of used_event and avail_event in their areas, in elements of 16 bits. */
  private usedEvent = 0;
  private availEvent = 0;
  /** The next entry of the available ring to take. */
  private next = 0;
  /** The available index when it was last read. */
  private seen = 0;
  /** Entries of the available ring seen so far. */
  private announced = 0;
  /** The next entry of the used ring to write. */
  private usedNext = 0;
  /** The used index as the driver sees it. */
  private usedIdx = 0;
  /** Entries of the used ring published so far. */
  private published = 0;
  /** The avail_event that the driver sees. */
  private armed = UNARMED;
  /** The entries of the available ring in guest memory, while `availRing` are heads to take once more. */
  private laterRing: Uint16Array | null = null;

  constructor(setup: QueueSetup, areas: RingAreas, memory: MemoryMap, hooks: QueueHooks) {
    super(setup, memory, hooks);
    const { size, features, position, recovered = [] } = setup;
    this.mask = size - 1;
    this.driver = areas.driver;
    this.device = areas.device;
    this.availRing = areas.driver.halves.subarray(AvailRing.ring / 2);
    this.usedRing = areas.device.words.subarray(UsedRing.ring / 4);
    this.ring = new DescriptorTable(areas.descriptors.words, 0, size);
    this.reader = new SplitChainReader(this.ring, allowsIndirect(setup), memory, this.faults);
    this.heads = new Uint8Array(size);
    this.eventIdx = (features & Feature.eventIdx) !== 0n;
    this.usedEvent = AvailRing.ring / 2 + size;
    this.availEvent = (UsedRing.ring + UsedRing.entrySize * size) / 2;
    this.next = this.seen = position?.available ?? 0;
    this.usedNext = this.usedIdx = position?.used ?? 0;
    if (recovered.length > 0) this.recover(recovered);
    this.setKicks(true);
  }

  /** The heads as entries of a ring of their own, which is taken from first. */
  private recover(chains: readonly RecoveredChain[]): void {
    this.laterRing = this.availRing;
    this.availRing = new Uint16Array(this.size);
    chains.forEach(({ head }, i) => {
      this.availRing[(this.usedIdx + i) & this.mask] = head;
    });
    this.next = this.usedIdx;
    this.announced = chains.length;
  }

  get position(): QueuePosition {
    return { available: this.next, used: this.usedIdx };
  }

  protected get taken(): number {
    return this.announced - ((this.seen - this.next) & WRAP);
  }

  protected get used(): number {
    return this.published + ((this.usedNext - this.usedIdx) & WRAP);
  }

  protected get pending(): boolean {
    return this.usedNext !== this.usedIdx;
  }

  protected look(): boolean {
    if (!this.running) return false;
    if (this.next !== this.seen) return true;
    if (!this.driver.usable) return this.faults.fail('area', 'the guest memory has been unmapped');
    if (this.laterRing !== null) this.availRing = this.laterRing;
    this.laterRing = null;
    let idx = this.driver.acquire16(IDX);
    if (idx === this.next && this.kicks && this.eventIdx && this.armed !== this.next) {
      this.arm();
      // The driver writes idx, then reads avail_event; here it is the other way round. Each side has a full fence between
      // the two (publish, then acquire), so that one of them sees what the other wrote and no kick is lost.
      idx = this.driver.acquire16(IDX);
    }
    return idx !== this.next && this.see(idx);
  }

  /** The chains up to `idx` are available: no more than the ring has entries, those not yet used included. */
  private see(idx: number): boolean {
    const ahead = (idx - this.next) & WRAP;
    const outstanding = (this.next - this.usedIdx) & WRAP;
    if (ahead + outstanding > this.size)
      return this.faults.fail('avail-index', `it is ${idx} after ${this.next}, with ${outstanding} entries not used`);
    this.announced += ahead;
    this.seen = idx;
    return true;
  }

  private arm(): void {
    this.device.publish16(this.availEvent, this.next);
    this.armed = this.next;
    if (this.observer !== null) this.observer.kicksSet();
  }

  /**
   * The acquire of idx has made the entry and its descriptors visible. Every word is read once.
   *
   * What a chain costs is decided here, and in the like of this for packed rings: the loop leaves everything unusual to the
   * reader, makes no calls, and keeps to 32-bit integers (`| 0` and `>>> 0` say so: other sums would be checked for
   * overflow, or made as floating-point numbers). Constants are written out: a name of the module is looked up at each use.
   */
  protected take(): QueueChain | null {
    const NEXT: typeof DescriptorFlag.next = 1;
    const WRITE: typeof DescriptorFlag.write = 2;
    const INDIRECT: typeof DescriptorFlag.indirect = 4;
    const { next } = this;
    if (next === this.seen) return null;
    const head = this.availRing[next & this.mask]!;
    if (this.heads[head] !== 0) return this.refuse(head);
    const chain = this.chains[this.idle]!;
    const { words: segments, start } = chain;
    const limit = (start + (chain.capacity << 2)) | 0;
    const { window } = this.memory;
    const recentHigh = window[0]!;
    const recentLow = window[1]!;
    const recentLast = window[2]!;
    let { words, entries } = this.ring;
    let first = 0;
    let index = head;
    let to = start;
    let byteLength = 0;
    let readable = 0;
    let readableEnd = start;
    let writing = 0;
    let offset: number;
    let high: number;
    let length: number;
    let control: number;
    for (;;) {
      const at = (first + (index << 2)) | 0;
      offset = ((words[at]! | 0) - recentLow) | 0;
      high = words[(at + 1) | 0]! | 0;
      length = words[(at + 2) | 0]! | 0;
      control = words[(at + 3) | 0]! | 0;
      const left = (recentLast - offset) | 0;
      const sum = (byteLength + length) | 0;
      if (high !== recentHigh || offset >>> 0 > recentLast >>> 0 || ((length - 1) | 0) >>> 0 > left >>> 0) break;
      if ((control & (WRITE | INDIRECT)) !== writing) {
        if (writing !== 0) break;
        if ((control & INDIRECT) !== 0) {
          if (to !== start || words !== this.ring.words || !this.reader.opens(offset, length, control)) break;
          words = this.memory.recentWords;
          first = offset >>> 2;
          entries = length >>> 4;
          index = 0;
          continue;
        }
        writing = WRITE;
        readable = byteLength;
        readableEnd = to;
      }
      if (sum >>> 0 < length >>> 0 || to === limit) break;
      byteLength = sum;
      segments[to] = offset;
      segments[(to + 1) | 0] = length;
      to = (to + 4) | 0;
      if ((control & NEXT) === 0) {
        if (writing === 0) {
          readable = byteLength;
          readableEnd = to;
        }
        chain.count = (to - start) >> 2;
        chain.readableCount = (readableEnd - start) >> 2;
        chain.readableBytes = readable >>> 0;
        chain.writableBytes = ((byteLength - readable) | 0) >>> 0;
        chain.common = this.memory.recent;
        return this.hand(chain, head);
      }
      index = control >>> 16;
      if (index >= entries) break;
    }
    chain.readableCount = (readableEnd - start) >> 2;
    chain.readableBytes = readable >>> 0;
    this.reader.at.set(index, offset + recentLow, high, length, control);
    const done = this.reader.readOn(chain, words, first, entries, (to - start) >> 2, byteLength >>> 0, writing);
    return done ? this.hand(chain, head) : null;
  }

  private hand(chain: QueueChain, head: number): QueueChain {
    this.heads[head] = 1;
    this.idle = chain.link;
    chain.head = head;
    chain.state = TAKEN;
    if (this.observer !== null) this.observer.taken(chain, this.next & this.mask);
    this.next = (this.next + 1) & WRAP;
    return chain;
  }

  private refuse(head: number): null {
    if (head < this.size) this.faults.fail('head-in-flight', `head ${head}`);
    else this.faults.fail('head-range', `head ${head} in a table of ${this.size}`);
    return null;
  }

  protected use(chain: QueueChain, written: number): void {
    const { usedRing, usedNext } = this;
    const at = (usedNext & this.mask) << 1;
    usedRing[at] = chain.head;
    usedRing[at + 1] = written;
    if (this.observer !== null) this.observer.used(chain, usedNext & this.mask);
    this.usedNext = (usedNext + 1) & WRAP;
    this.heads[chain.head] = 0;
    chain.link = this.idle;
    this.idle = chain.place;
    chain.state = IDLE;
  }

  protected publish(): boolean {
    if (!this.device.usable) return this.faults.fail('area', 'the guest memory has been unmapped');
    const before = this.usedIdx;
    this.published = this.used;
    this.usedIdx = this.usedNext;
    // Publishing orders the entries and the buffers before idx (2.7.8.2), and idx before the look at what the driver
    // wants: the driver writes used_event or flags, then looks at idx once more, with a full fence between.
    this.device.publish16(IDX, this.usedIdx);
    if (this.observer !== null) this.observer.published(this.usedIdx, before & this.mask);
    if (this.eventIdx) return passesEvent(this.driver.acquire16(this.usedEvent), before, this.usedIdx);
    return (this.driver.acquire16(FLAGS) & AVAIL_NO_INTERRUPT) === 0;
  }

  protected setKicks(wanted: boolean): void {
    if (!this.device.usable) return;
    if (this.eventIdx) {
      if (wanted) this.arm();
      return;
    }
    this.device.publish16(FLAGS, wanted ? 0 : USED_NO_NOTIFY);
    if (this.observer !== null) this.observer.kicksSet();
  }

  protected hide(): void {
    this.announced -= (this.seen - this.next) & WRAP;
    this.seen = this.next;
  }
}
