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

  constructor(ring: DescriptorTable, indirect: boolean, memory: MemoryMap, faults: RingFaults) {
    this.ring = ring;
    this.indirect = indirect;
    this.memory = memory;
    this.faults = faults;
    this.tables = new IndirectTables(memory, ring.entries);
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
    const CHECKED = 0x8086;
    const { numbers, capacity } = chain;
    const { words, entries } = this.ring;
    const { recentStart, recentEnd } = this.memory;
    let index = first & 0x7fff;
    let expected = state | 0;
    let count = 0;
    let byteLength = 0;
    let address: number;
    let length: number;
    let control: number;
    for (;;) {
      const at = index << 2;
      address = words[at + 1]! * 4294967296 + words[at]!;
      length = words[at + 2]!;
      control = words[at + 3]!;
      const flags = control >>> 16;
      if ((flags & CHECKED) !== expected) {
        if ((flags & CHECKED) !== (expected | WRITE)) break;
        expected |= WRITE;
        chain.endReadable(count, byteLength);
      }
      if (!(address >= recentStart && address + length <= recentEnd) || length === 0 || count === capacity) break;
      const to = count << 1;
      numbers[to] = address;
      numbers[to + 1] = length;
      count++;
      byteLength += length;
      if ((flags & NEXT) === 0) {
        if (count > limit) return this.tooLong(limit);
        chain.head = control & 0xffff;
        chain.descriptors = count;
        return chain.end(count, byteLength, expected & WRITE);
      }
      if (++index === entries) {
        index = 0;
        expected ^= 0x8080;
      }
    }
    this.at.set(index, address, length, control);
    this.state = expected & STATE;
    this.rest.begin(chain, count, byteLength, expected & WRITE);
    return this.readRest(chain, limit);
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

  /** Reads all entries of a table, in order. Of their flags only write has a meaning, and their id has none (2.8.7). */
  private walkTable(chain: QueueChain): boolean {
    const WRITE: typeof DescriptorFlag.write = 2;
    const { numbers, capacity } = chain;
    const { words, entries } = this.tables.table;
    const { recentStart, recentEnd } = this.memory;
    const base = this.tables.table.offset >>> 2;
    let count = 0;
    let byteLength = 0;
    let writing = 0;
    let address: number;
    let length: number;
    let flags: number;
    for (;;) {
      const at = base + (count << 2);
      address = words[at + 1]! * 4294967296 + words[at]!;
      length = words[at + 2]!;
      flags = words[at + 3]! >>> 16;
      if ((flags & WRITE) !== writing) {
        if (writing !== 0) break;
        writing = WRITE;
        chain.endReadable(count, byteLength);
      }
      if (!(address >= recentStart && address + length <= recentEnd) || length === 0 || count === capacity) break;
      const to = count << 1;
      numbers[to] = address;
      numbers[to + 1] = length;
      count++;
      byteLength += length;
      if (count === entries) return chain.end(count, byteLength, writing);
    }
    this.at.set(count, address, length, flags << 16);
    this.rest.begin(chain, count, byteLength, writing);
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
