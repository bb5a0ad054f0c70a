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
  /** 1 for each head in flight. (A Uint8Array would be asked for its shape, which Buffers have made many of.) */
  declare private readonly heads: Int8Array;
  private readonly eventIdx: boolean;
  private readonly indirect: boolean;
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
    this.heads = new Int8Array(size);
    this.indirect = allowsIndirect(setup);
    this.eventIdx = (features & Feature.eventIdx) !== 0n;
    this.usedEvent = AvailRing.ring / 2 + size;
    this.availEvent = (UsedRing.ring + UsedRing.entrySize * size) / 2;
    this.next = this.seen = position?.available ?? 0;
    this.usedNext = this.usedIdx = position?.used ?? 0;
    if (recovered.length > 0) this.recover(recovered);
    this.fillLine();
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
   * The acquire of idx has made the entries and their descriptors visible. Every word is read once; where a chain takes more
   * than the loop, and others before it have not been popped, it is left for its turn.
   *
   * What a chain costs is decided here, and in the like of this for packed rings: the loops leave everything unusual to the
   * reader, and keep to 32-bit integers (`| 0` and `>>> 0` say so: other sums would be checked for overflow, or made as
   * floating-point numbers). Constants are written out: a name of the module is looked up at each use. After a loop, or in
   * it, the compiler knows no shapes any more, so what a chain gets once is stored before.
   */
  protected read(most: number): number {
    const NEXT: typeof DescriptorFlag.next = 1;
    const WRITE: typeof DescriptorFlag.write = 2;
    const INDIRECT: typeof DescriptorFlag.indirect = 4;
    const { availRing, heads, mask, line } = this;
    const { words: ring, entries: size } = this.ring;
    const { window, recent, recentWords } = this.memory;
    const recentHigh = window[0]!;
    const recentLow = window[1]!;
    const recentLast = window[2]!;
    const longestTable = this.indirect ? size : 0;
    let { next } = this;
    const wanted = Math.min((this.seen - next) & 0xffff, most) | 0;
    let count = 0;
    each: while (count < wanted) {
      const chain = line[count]!;
      if (chain.state !== 0) {
        this.renew(count);
        continue;
      }
      const head = availRing[next & mask]!;
      if (heads[head] !== 0) {
        if (count === 0) this.refuse(head);
        break;
      }
      const { words: segments, start, end: limit } = chain;
      heads[head] = 1;
      chain.head = head;
      chain.state = 1;
      chain.common = recent;
      let words = ring;
      let entries = size;
      let first = 0;
      let at = head << 2;
      let offset = ((words[at]! | 0) - recentLow) | 0;
      let high = words[at | 1]! | 0;
      let length = words[at | 2]! | 0;
      let control = words[at | 3]! | 0;
      if (
        (control & (INDIRECT | NEXT)) === INDIRECT &&
        high === recentHigh &&
        offset >>> 0 <= recentLast >>> 0 &&
        ((length - 1) | 0) >>> 0 <= ((recentLast - offset) | 0) >>> 0 &&
        ((offset | length) & 15) === 0 &&
        length >>> 4 <= longestTable
      ) {
        words = recentWords;
        entries = length >>> 4;
        first = offset >>> 2;
        at = first;
        offset = ((words[at]! | 0) - recentLow) | 0;
        high = words[at | 1]! | 0;
        length = words[at | 2]! | 0;
        control = words[at | 3]! | 0;
      }
      let to = start | 0;
      let byteLength = 0;
      let writing = 0;
      let readableBytes = 0;
      let readableEnd = 0;
      for (;;) {
        const left = (recentLast - offset) | 0;
        if (high !== recentHigh || offset >>> 0 > recentLast >>> 0 || ((length - 1) | 0) >>> 0 > left >>> 0) break;
        if ((control & (WRITE | INDIRECT)) !== writing) {
          if (writing !== 0 || (control & INDIRECT) !== 0) break;
          writing = WRITE;
          readableBytes = byteLength;
          readableEnd = to;
        }
        const sum = (byteLength + length) | 0;
        if (sum >>> 0 < length >>> 0 || to === limit) break;
        byteLength = sum;
        segments[to] = offset;
        segments[to | 1] = length;
        to = (to + 4) | 0;
        if ((control & NEXT) === 0) {
          if (writing === 0) {
            readableBytes = byteLength;
            readableEnd = to;
          }
          const { readable, writable } = chain;
          readable.byteLength = readableBytes >>> 0;
          readable.segmentCount = (readableEnd - start) >> 2;
          writable.byteLength = ((byteLength - readableBytes) | 0) >>> 0;
          writable.segmentCount = (to - readableEnd) >> 2;
          next = (next + 1) & 0xffff;
          count = (count + 1) | 0;
          continue each;
        }
        const index = control >>> 16;
        at = (first + (index << 2)) | 0;
        if (index >= entries) break;
        offset = ((words[at]! | 0) - recentLow) | 0;
        high = words[at | 1]! | 0;
        length = words[at | 2]! | 0;
        control = words[at | 3]! | 0;
      }
      const segmentCount = (to - start) >> 2;
      if (writing !== 0) chain.endReadable((readableEnd - start) >> 2, readableBytes >>> 0);
      this.reader.at.set((at - first) >> 2, offset + recentLow, high, length, control);
      if (count === 0 && this.reader.readOn(chain, words, first, entries, segmentCount, byteLength >>> 0, writing)) {
        next = (next + 1) & 0xffff;
        count = 1;
      } else {
        heads[head] = 0;
        chain.state = 0;
      }
      break;
    }
    if (count === 0) return 0;
    if (this.observer !== null) this.observer.taken(line[0]!, this.next & mask);
    this.next = next;
    return count;
  }

  private refuse(head: number): void {
    if (head < this.size) this.faults.fail('head-in-flight', `head ${head}`);
    else this.faults.fail('head-range', `head ${head} in a table of ${this.size}`);
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
    if (chain.spare) this.giveBack(chain);
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
