/** A split virtqueue (2.7). */
import { AVAIL_NO_INTERRUPT, AvailRing, Feature, USED_NO_NOTIFY, UsedRing } from '../spec/index.js';
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
import { SplitReadAhead, SplitStop } from './split-read-ahead.js';

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
  /** The entries of the used ring, for plain accesses. */
  declare private readonly usedRing: Uint32Array;
  declare private readonly ahead: SplitReadAhead;
  declare private readonly reader: SplitChainReader;
  declare private readonly heads: Int8Array;
  private readonly eventIdx: boolean;
  /** Indices of used_event and avail_event in their areas, in elements of 16 bits. */
  private usedEvent = 0;
  private availEvent = 0;
  /** The available index when it was last read. */
  private seen = 0;
  /** Entries of the available ring seen so far. */
  private announced = 0;
  /** The used index as the driver sees it. */
  private usedIdx = 0;
  /** Entries of the used ring published so far. */
  private published = 0;
  /** The avail_event that the driver sees. */
  private armed = UNARMED;
  /** The entries of the available ring in guest memory, while those that are read are heads to take once more. */
  private laterRing: Uint16Array | null = null;

  constructor(setup: QueueSetup, areas: RingAreas, memory: MemoryMap, hooks: QueueHooks) {
    super(setup, memory, hooks);
    const { size, features, position, recovered = [] } = setup;
    this.mask = size - 1;
    this.driver = areas.driver;
    this.device = areas.device;
    this.usedRing = areas.device.words.subarray(UsedRing.ring / 4);
    this.heads = new Int8Array(size);
    const { words } = areas.descriptors;
    const indirect = allowsIndirect(setup);
    const ring = { words, size, longestTable: indirect ? size : 0, heads: this.heads };
    this.ahead = new SplitReadAhead(areas.driver.halves.subarray(AvailRing.ring / 2), ring, this.line, memory);
    this.reader = new SplitChainReader(new DescriptorTable(words, 0, size), indirect, memory, this.faults);
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
    this.laterRing = this.ahead.availRing;
    const heads = new Uint16Array(this.size);
    chains.forEach(({ head }, i) => {
      heads[(this.usedIdx + i) & this.mask] = head;
    });
    this.ahead.availRing = heads;
    this.next = this.usedIdx;
    this.announced = chains.length;
  }

  get position(): QueuePosition {
    return { available: (this.next - this.unpopped) & WRAP, used: this.usedIdx };
  }

  protected get taken(): number {
    return this.announced - ((this.seen - this.next) & WRAP) - this.unpopped;
  }

  protected get used(): number {
    return this.published + ((this.usedNext - this.usedIdx) & WRAP);
  }

  protected get pending(): boolean {
    return this.usedNext !== this.usedIdx;
  }

  protected look(): boolean {
    if (!this.running) return false;
    if (this.unpopped > 0 || this.next !== this.seen) return true;
    if (!this.driver.usable) return this.faults.fail('area', 'the guest memory has been unmapped');
    if (this.laterRing !== null) this.ahead.availRing = this.laterRing;
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

  /** The acquire of idx has made the entries and their descriptors visible. Every word is read once. */
  protected read(most: number): number {
    const { next } = this;
    const wanted = Math.min((this.seen - next) & WRAP, most);
    if (this.isBusy) this.renewLine(wanted);
    let count = this.ahead.read(next, wanted);
    if (count < 0) count = this.readUnusual(count) ? 1 : 0;
    if (count === 0) return 0;
    if (this.observer !== null) this.observer.taken(this.line[0]!, next & this.mask);
    this.next = (next + count) & WRAP;
    return count;
  }

  /** The first chain took more than the loop, or broke a rule. */
  private readUnusual(stop: number): boolean {
    const { unread } = this.ahead;
    if (stop === SplitStop.head) return this.refuse(unread.at);
    if (!this.reader.readOn(unread)) return false;
    this.heads[unread.chain.head] = 1;
    unread.chain.state = TAKEN;
    return true;
  }

  private refuse(head: number): false {
    if (head < this.size) return this.faults.fail('head-in-flight', `head ${head}`);
    return this.faults.fail('head-range', `head ${head} in a table of ${this.size}`);
  }

  protected get usedAt(): number {
    return this.usedNext & this.mask;
  }

  protected use(chain: QueueChain, written: number): void {
    const { usedRing, usedNext } = this;
    const { head } = chain;
    const at = (usedNext & this.mask) << 1;
    usedRing[at] = head;
    usedRing[at | 1] = written;
    this.usedNext = (usedNext + 1) & WRAP;
    this.heads[head] = 0;
    chain.state = IDLE;
    if (chain.spare === true) this.giveBack(chain);
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
    this.announced = this.taken;
    this.next = this.position.available;
    this.seen = this.next;
  }
}
