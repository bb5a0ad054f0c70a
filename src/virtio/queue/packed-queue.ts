/** A packed virtqueue (2.8). */
import {
  DescriptorFlag,
  EventSuppression,
  Feature,
  RING_EVENT_FLAGS_MASK,
  RingEventFlags,
  RingPosition,
} from '../spec/index.js';
import { allowsIndirect, type RingAreas } from './areas.js';
import { DescriptorTable } from './descriptor-table.js';
import { passesEvent } from './event-index.js';
import type { GuestAccess } from './guest-access.js';
import type { MemoryMap } from './memory-map.js';
import { PackedChainReader } from './packed-chain-reader.js';
import { PackedReadAhead, PackedStop } from './packed-read-ahead.js';
import { ChainState, type QueueChain } from './queue-chain.js';
import type { RecoveredChain } from './queue-observer.js';
import { RingQueue } from './ring-queue.js';
import type { QueueHooks, QueuePosition, QueueSetup } from './setup.js';

/** Words of a descriptor: length, and id (low half) with flags (high half), which are also its last half. */
const LENGTH = 2;
const CONTROL = 3;
const FLAGS_HALF = 7;
const DESCRIPTOR_WORDS = 4;
const EVENT_FLAGS = EventSuppression.flags / 2;
const NONE = -1;
const BUFFER_IDS = 65536;
/** Descriptors looked at for each ordered load, which costs as much as several of them: a full line of chains of 16. */
const WINDOW = 512;
const START = { available: RingPosition.wrap, used: RingPosition.wrap };
// Copies: what a module imports is looked up again at each use.
const WRITE = DescriptorFlag.write;
const AVAIL = DescriptorFlag.avail;
const STATE = DescriptorFlag.avail | DescriptorFlag.used;
const IDLE = ChainState.idle;
const TAKEN = ChainState.taken;

export class PackedQueue extends RingQueue {
  readonly format = 'packed';
  declare private readonly ring: GuestAccess;
  declare private readonly driver: GuestAccess;
  declare private readonly device: GuestAccess;
  /** The ring, for plain accesses. */
  declare private readonly words: Uint32Array;
  declare private readonly halves: Uint16Array;
  declare private readonly ahead: PackedReadAhead;
  declare private readonly reader: PackedChainReader;
  private readonly ids = new Int8Array(BUFFER_IDS);
  private readonly eventIdx: boolean;
  /** Offset of the next descriptor to take, and the state bits of an available one there (2.8.1). */
  private availableState = 0;
  /** How many descriptors from there on are known to be available. */
  private visible = 0;
  /** Offset of the next descriptor to use, and the state bits of a used one there. */
  private usedState = 0;
  /** Where the first descriptor used since the last publish is, and what goes there: the driver looks at it, so it is last. */
  private firstAt = NONE;
  private firstControl = 0;
  /** The position the driver has been told to kick at. */
  private armed = NONE;
  private found = 0;
  protected used = 0;
  /** Chains to take once more, and how many of them have been. */
  declare private readonly recovered: readonly RecoveredChain[];
  private recoveredNext = 0;
  private readonly indirect: boolean;
  declare private readonly map: MemoryMap;

  constructor(setup: QueueSetup, areas: RingAreas, memory: MemoryMap, hooks: QueueHooks) {
    super(setup, memory, hooks);
    const { size, features, recovered = [] } = setup;
    this.recovered = recovered;
    this.indirect = allowsIndirect(setup);
    this.map = memory;
    const { available, used } = setup.position ?? START;
    this.ring = areas.descriptors;
    this.words = areas.descriptors.words;
    this.halves = areas.descriptors.halves;
    this.driver = areas.driver;
    this.device = areas.device;
    const ring = { words: this.words, size, longestTable: this.indirect ? size : 0, ids: this.ids };
    this.ahead = new PackedReadAhead(ring, this.line, memory);
    this.reader = new PackedChainReader(new DescriptorTable(this.words, 0, size), this.indirect, memory, this.faults);
    this.eventIdx = (features & Feature.eventIdx) !== 0n;
    this.next = available & RingPosition.offsetMask;
    this.availableState = (available & RingPosition.wrap) !== 0 ? AVAIL : DescriptorFlag.used;
    this.usedNext = used & RingPosition.offsetMask;
    this.usedState = (used & RingPosition.wrap) !== 0 ? STATE : 0;
    this.setKicks(true);
  }

  get position(): QueuePosition {
    const used = this.usedNext | (this.usedState !== 0 ? RingPosition.wrap : 0);
    const next = this.next - this.unpoppedDescriptors;
    const wrapped = (this.availableState === AVAIL) === next >= 0;
    const available = (next < 0 ? next + this.size : next) | (wrapped ? RingPosition.wrap : 0);
    return { available, used };
  }

  /** Descriptors read and not used. */
  private get inUse(): number {
    const sameLap = (this.availableState === AVAIL) === (this.usedState !== 0);
    return this.next - this.usedNext + (sameLap ? 0 : this.size);
  }

  private nextPosition(): number {
    return this.next | (this.availableState === AVAIL ? RingPosition.wrap : 0);
  }

  protected get taken(): number {
    return this.found - this.unpopped;
  }

  protected get pending(): boolean {
    return this.firstAt !== NONE;
  }

  protected look(): boolean {
    if (!this.running) return false;
    if (this.unpopped > 0 || this.visible > 0) return true;
    if (!this.ring.usable) return this.faults.fail('area', 'the guest memory has been unmapped');
    this.visible = this.scan();
    if (this.acquireNext()) return true;
    this.visible = 0;
    if (!this.kicks || !this.eventIdx || this.armed === this.nextPosition()) return false;
    this.arm();
    // The driver writes the descriptor, then reads the event suppression; here it is the other way round. Each side has a
    // full fence between the two (publish, then acquire), so that one of them sees what the other wrote.
    this.visible = this.acquireNext() ? 1 : 0;
    return this.visible > 0;
  }

  /**
   * How many descriptors from the next one on look available, a window at most; the next one itself is not asked. Flags that change
   * meanwhile can show more than a lap.
   */
  private scan(): number {
    const { halves, size } = this;
    let state = this.availableState;
    let at = this.next;
    let count = 1;
    while (count < WINDOW) {
      at = (at + 1) | 0;
      if (at === size) {
        at = 0;
        state ^= 0x8080;
      }
      const half = (at << 3) | 7;
      if ((halves[half]! & 0x8080) !== state) break;
      count = (count + 1) | 0;
      // Three more in the same lap, each of which would cost as much as all of them.
      if (at + 3 >= size) continue;
      const one = halves[half + 8]! ^ state;
      const other = halves[half + 16]! ^ state;
      const last = halves[half + 24]! ^ state;
      if (((one | other | last) & 0x8080) !== 0) continue;
      at = (at + 3) | 0;
      count = (count + 3) | 0;
    }
    return Math.min(count, size);
  }

  /**
   * Whether the next descriptor is available. The processor (x86-64) does not reorder loads, and the compiler moves none
   * across this ordered one, so that what the driver wrote before it made the descriptors of the scan available is visible.
   */
  private acquireNext(): boolean {
    return (this.ring.acquire16((this.next << 3) + FLAGS_HALF) & STATE) === this.availableState;
  }

  private arm(): void {
    this.armed = this.nextPosition();
    this.device.publish32(0, this.armed | (RingEventFlags.desc << 16));
    if (this.observer !== null) this.observer.kicksSet();
  }

  /** Every word is read once. */
  protected read(most: number): number {
    const { next, ahead } = this;
    const wanted = Math.min(this.visible, most);
    if (this.isBusy) this.renewLine(wanted);
    const free = this.size - this.inUse;
    const count = ahead.read(next, this.availableState, free, this.visible, wanted);
    if (count < 0) return this.readUnusual(count, free) ? 1 : 0;
    if (count > 0) this.took(count, ahead.descriptors);
    return count;
  }

  /** The first chain took more than the loop, or broke a rule. */
  private readUnusual(stop: number, free: number): boolean {
    const { unread } = this.ahead;
    const { chain } = unread;
    if (stop === PackedStop.descriptor && !this.reader.readOn(unread, free)) return false;
    if (stop !== PackedStop.descriptor || chain.descriptors > free || this.ids[chain.head] !== 0)
      return this.refuse(chain.head, chain.descriptors, free);
    this.ids[chain.head] = 1;
    chain.state = TAKEN;
    this.took(1, chain.descriptors);
    return true;
  }

  private took(chains: number, descriptors: number): void {
    if (this.observer !== null) this.observer.taken(this.line[0]!, this.next);
    this.next += descriptors;
    this.visible -= descriptors;
    this.found += chains;
    if (this.next < this.size) return;
    this.next -= this.size;
    this.availableState ^= STATE;
  }

  protected override takeRecovered(): QueueChain | null {
    const descriptors = this.recovered[this.recoveredNext]?.descriptors;
    if (descriptors === undefined || !this.running) return null;
    const chain = this.spare!;
    const entries = descriptors.length / DESCRIPTOR_WORDS;
    const table = new DescriptorTable(descriptors, 0, entries);
    const reader = new PackedChainReader(table, this.indirect, this.map, this.faults, this.size);
    if (!reader.read(chain, 0, AVAIL, entries)) return null;
    if (this.ids[chain.head] !== 0) {
      this.refuse(chain.head, 0, 0);
      return null;
    }
    chain.descriptors = entries;
    this.recoveredNext++;
    this.ids[chain.head] = 1;
    this.takeSpare();
    this.found++;
    chain.state = TAKEN;
    if (this.observer !== null) this.observer.taken(chain, NONE);
    return chain;
  }

  private refuse(id: number, descriptors: number, free: number): false {
    if (descriptors > free) return this.reader.tooLong(free);
    return this.faults.fail('head-in-flight', `buffer ID ${id}`);
  }

  protected get usedAt(): number {
    return this.usedNext;
  }

  /** One used descriptor stands for the whole list (2.8.6). */
  protected use(chain: QueueChain, written: number): void {
    const { words, usedNext, size } = this;
    const { head } = chain;
    const at = usedNext << 2;
    const control = head | ((this.usedState | (written > 0 ? WRITE : 0)) << 16);
    words[at | LENGTH] = written;
    if (this.firstAt !== NONE) words[at | CONTROL] = control;
    else {
      this.firstAt = at | CONTROL;
      this.firstControl = control;
    }
    this.ids[head] = 0;
    chain.state = IDLE;
    if (chain.spare === true) this.giveBack(chain);
    this.used++;
    let next = (usedNext + chain.descriptors) | 0;
    if (next >= size) {
      next = (next - size) | 0;
      this.usedState ^= STATE;
    }
    this.usedNext = next;
  }

  protected publish(): boolean {
    if (!this.ring.usable) return this.faults.fail('area', 'the guest memory has been unmapped');
    // The driver looks at the first used descriptor only, so publishing that one orders the others and the buffers before
    // it; and it before the look at what the driver wants, who writes that and then looks again, with a full fence between.
    this.ring.publish32(this.firstAt, this.firstControl);
    const first = this.firstAt >>> 2;
    if (this.observer !== null) this.observer.published(this.position.used, first);
    this.firstAt = NONE;
    const moved = this.usedNext > first ? this.usedNext - first : this.usedNext - first + this.size;
    return this.wantsCall(this.driver.acquire32(0), moved);
  }

  /** A reserved value means what a driver that wrote it by mistake can live with: a call. */
  private wantsCall(event: number, moved: number): boolean {
    const mode = (event >>> 16) & RING_EVENT_FLAGS_MASK;
    if (mode === RingEventFlags.disable) return false;
    if (mode !== RingEventFlags.desc || !this.eventIdx) return true;
    const wrapped = (event & RingPosition.wrap) !== 0;
    const lap = wrapped === (this.usedState !== 0) ? 0 : this.size;
    return passesEvent((event & RingPosition.offsetMask) - lap, this.usedNext - moved, this.usedNext);
  }

  protected setKicks(wanted: boolean): void {
    if (!this.device.usable) return;
    this.armed = NONE;
    if (wanted && this.eventIdx) {
      this.arm();
      return;
    }
    this.device.publish16(EVENT_FLAGS, wanted ? RingEventFlags.enable : RingEventFlags.disable);
    if (this.observer !== null) this.observer.kicksSet();
  }

  protected hide(): void {
    this.next -= this.unpoppedDescriptors;
    this.found -= this.unpopped;
    if (this.next < 0) {
      this.next += this.size;
      this.availableState ^= STATE;
    }
    this.visible = 0;
  }
}
