/** Reading the lists of a packed ring (2.8.6, 2.8.7). */
import { DescriptorFlag } from '../spec/index.js';
import { ChainRest } from './chain-rest.js';
import { Descriptor, describeTable, hasNext, isIndirect, isWritable } from './descriptor.js';
import type { DescriptorTable } from './descriptor-table.js';
import type { QueueRule } from './errors.js';
import { IndirectTables } from './indirect-tables.js';
import type { MemoryMap } from './memory-map.js';
import type { QueueChain } from './queue-chain.js';
import type { RingFaults } from './ring-faults.js';

const STATE = DescriptorFlag.avail | DescriptorFlag.used;

export class PackedChainReader {
  declare private readonly ring: DescriptorTable;
  declare private readonly memory: MemoryMap;
  declare private readonly faults: RingFaults;
  declare private readonly tables: IndirectTables;
  declare private readonly rest: ChainRest;
  private readonly indirect: boolean;
  /** The descriptor that took more than the loop of a walk. */
  private readonly at = new Descriptor();
  /** The state bits of an available descriptor there. */
  private state = 0;

  /** `longest`: descriptors of the longest chain, which no indirect table exceeds. */
  constructor(
    ring: DescriptorTable,
    indirect: boolean,
    memory: MemoryMap,
    faults: RingFaults,
    longest: number = ring.entries,
  ) {
    this.ring = ring;
    this.indirect = indirect;
    this.memory = memory;
    this.faults = faults;
    this.tables = new IndirectTables(memory, longest);
    this.rest = new ChainRest(faults);
  }

  /**
   * Reads the list that begins at offset `first`, where the state bits of an available descriptor are `state`; at most
   * `limit` descriptors. False where a rule was broken, or there is no room. See SplitChainReader.read: here the next
   * descriptor is the one behind, and each of them has to be available.
   */
  read(chain: QueueChain, first: number, state: number, limit: number): boolean {
    const NEXT: typeof DescriptorFlag.next = 1;
    const WRITE: typeof DescriptorFlag.write = 2;
    const INDIRECT: typeof DescriptorFlag.indirect = 4;
    const CHECKED = 0x8086;
    const { words: segments, start } = chain;
    const { words, entries } = this.ring;
    const { window } = this.memory;
    const recentHigh = window[0]!;
    const recentLow = window[1]!;
    const recentLast = window[2]!;
    const end = (start + (chain.capacity << 2)) | 0;
    let index = first | 0;
    let expected = state | 0;
    let to = start | 0;
    let byteLength = 0;
    let offset: number;
    let high: number;
    let length: number;
    let control: number;
    for (;;) {
      const at = index << 2;
      offset = ((words[at]! | 0) - recentLow) | 0;
      high = words[(at + 1) | 0]! | 0;
      length = words[(at + 2) | 0]! | 0;
      control = words[(at + 3) | 0]! | 0;
      const flags = control >>> 16;
      const left = (recentLast - offset) | 0;
      if (high !== recentHigh || offset >>> 0 > recentLast >>> 0 || ((length - 1) | 0) >>> 0 > left >>> 0) break;
      if ((flags & CHECKED) !== expected) {
        if (
          to === start &&
          (flags & (CHECKED ^ WRITE)) === (expected | INDIRECT) &&
          this.opens(offset, length, flags, limit)
        ) {
          chain.head = control & 0xffff;
          chain.descriptors = 1;
          return this.readTable(chain, offset >>> 2, length >>> 4);
        }
        if ((flags & CHECKED) !== (expected | WRITE)) break;
        expected |= WRITE;
        chain.endReadable((to - start) >> 2, byteLength >>> 0);
      }
      const sum = (byteLength + length) | 0;
      if (sum >>> 0 < length >>> 0 || to === end) break;
      byteLength = sum;
      segments[to] = offset;
      segments[(to + 1) | 0] = length;
      to = (to + 4) | 0;
      if ((flags & NEXT) === 0) {
        const count = (to - start) >> 2;
        if (count > limit) return this.tooLong(limit);
        chain.head = control & 0xffff;
        chain.descriptors = count;
        return chain.end(count, byteLength >>> 0, expected & WRITE);
      }
      index = (index + 1) | 0;
      if (index === entries) {
        index = 0;
        expected ^= 0x8080;
      }
    }
    this.at.set(index, offset + recentLow, high, length, control);
    this.state = expected & STATE;
    this.rest.begin(chain, (to - start) >> 2, byteLength >>> 0, expected & WRITE);
    return this.readRest(chain, limit);
  }

  /** Whether the usual indirect table is at `offset` of the recent region: any other is for `enter`. */
  private opens(offset: number, length: number, flags: number, limit: number): boolean {
    if (!this.indirect || (flags & 1) !== 0 || limit === 0) return false;
    return ((offset | length) & 15) === 0 && length >>> 4 <= this.ring.entries;
  }

  /** Reads all entries of a table of the recent region that begins at word `first`, as `read` does. */
  private readTable(chain: QueueChain, first: number, entries: number): boolean {
    const WRITE: typeof DescriptorFlag.write = 2;
    const { words: segments, start } = chain;
    const { window, recentWords: words } = this.memory;
    const recentHigh = window[0]!;
    const recentLow = window[1]!;
    const recentLast = window[2]!;
    const end = (start + (chain.capacity << 2)) | 0;
    let index = 0;
    let to = start | 0;
    let byteLength = 0;
    let writing = 0;
    let offset: number;
    let high: number;
    let length: number;
    let flags: number;
    for (;;) {
      const at = (first + (index << 2)) | 0;
      offset = ((words[at]! | 0) - recentLow) | 0;
      high = words[(at + 1) | 0]! | 0;
      length = words[(at + 2) | 0]! | 0;
      flags = words[(at + 3) | 0]! >>> 16;
      const left = (recentLast - offset) | 0;
      if (high !== recentHigh || offset >>> 0 > recentLast >>> 0 || ((length - 1) | 0) >>> 0 > left >>> 0) break;
      if ((flags & WRITE) !== writing) {
        if (writing !== 0) break;
        writing = WRITE;
        chain.endReadable(index, byteLength >>> 0);
      }
      const sum = (byteLength + length) | 0;
      if (sum >>> 0 < length >>> 0 || to === end) break;
      byteLength = sum;
      segments[to] = offset;
      segments[(to + 1) | 0] = length;
      to = (to + 4) | 0;
      index = (index + 1) | 0;
      if (index === entries) return chain.end(index, byteLength >>> 0, writing);
    }
    this.tables.table.set(words, (first << 2) >>> 0, entries);
    this.at.set(index, offset + recentLow, high, length, flags << 16);
    this.rest.begin(chain, index, byteLength >>> 0, writing);
    return this.readEntries();
  }

  private readRest(chain: QueueChain, limit: number): boolean {
    const { at, rest } = this;
    for (let taken = chain.count + 1; taken <= limit; taken++) {
      const flags = at.control >>> 16;
      if ((flags & STATE) !== this.state)
        return this.faults.fail('chain-incomplete', `descriptor ${at.index} of a list is not available`);
      chain.head = at.control & 0xffff;
      chain.descriptors = taken;
      if (isIndirect(flags)) return this.enter(flags, taken) && this.walkTable(chain);
      if (!rest.add(at, isWritable(flags))) return false;
      if (!hasNext(flags)) return rest.end();
      this.step();
    }
    return this.tooLong(limit);
  }

  private step(): void {
    const next = this.at.index + 1;
    if (next === this.ring.entries) this.state ^= STATE;
    this.at.load(this.ring, next % this.ring.entries);
  }

  /** More descriptors than the ring has: in one list, or together with those in use. */
  private tooLong(limit: number): false {
    const { entries } = this.ring;
    if (limit === entries) return this.faults.fail('chain-length', `the list goes on after ${limit} descriptors`);
    return this.faults.fail('ring-overrun', `${entries - limit} of ${entries} descriptors are in use`);
  }

  private enter(flags: number, taken: number): boolean {
    const broken = this.open(flags, taken);
    return broken === null || this.faults.fail(broken, describeTable(this.at));
  }

  /** The write flag of the descriptor that refers to a table means nothing (2.8.7). */
  private open(flags: number, taken: number): QueueRule | null {
    if (!this.indirect) return 'indirect-feature';
    if (taken > 1 || hasNext(flags)) return 'indirect-next';
    return this.tables.open(this.at.address, this.at.length);
  }

  /** Reads all entries of the open table, in order. Of their flags only write has a meaning, and their id has none (2.8.7). */
  private walkTable(chain: QueueChain): boolean {
    this.at.load(this.tables.table, 0);
    this.rest.begin(chain, 0, 0, 0);
    return this.readEntries();
  }

  private readEntries(): boolean {
    const { at, rest } = this;
    const { table } = this.tables;
    for (;;) {
      if (!rest.add(at, isWritable(at.control >>> 16))) return false;
      if (at.index + 1 === table.entries) return rest.end();
      at.load(table, at.index + 1);
    }
  }
}
