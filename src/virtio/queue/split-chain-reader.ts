/** Reading the chains of a split ring (2.7.5). */
import type { DescriptorFlag } from '../spec/index.js';
import { ChainRest } from './chain-rest.js';
import { Descriptor, describeTable, hasNext, isIndirect, isWritable } from './descriptor.js';
import type { DescriptorTable } from './descriptor-table.js';
import type { QueueRule } from './errors.js';
import { IndirectTables } from './indirect-tables.js';
import type { MemoryMap } from './memory-map.js';
import type { RingFaults } from './ring-faults.js';
import type { SegmentList } from './segment-list.js';

export class SplitChainReader {
  declare private readonly ring: DescriptorTable;
  declare private readonly memory: MemoryMap;
  declare private readonly faults: RingFaults;
  declare private readonly tables: IndirectTables;
  declare private readonly rest: ChainRest;
  private readonly indirect: boolean;
  /** The descriptor that took more than the loop of `read`. */
  private readonly at = new Descriptor();

  constructor(ring: DescriptorTable, indirect: boolean, memory: MemoryMap, faults: RingFaults) {
    this.ring = ring;
    this.indirect = indirect;
    this.memory = memory;
    this.faults = faults;
    this.tables = new IndirectTables(memory, ring.entries);
    this.rest = new ChainRest(faults);
  }

  /**
   * Reads the chain that begins at `head`, below the queue size. False where a rule was broken, or there is no room.
   *
   * `table` is the ring or, for a chain that is all in one, an indirect table. Every word is read once. What a chain costs is
   * decided here and in the like of this for packed rings: the loop leaves everything unusual to others, makes no calls
   * until the end, and has its constants written out, because a name of the module is looked up at each use.
   */
  read(chain: SegmentList, table: DescriptorTable, head: number): boolean {
    const NEXT: typeof DescriptorFlag.next = 1;
    const WRITE: typeof DescriptorFlag.write = 2;
    const INDIRECT: typeof DescriptorFlag.indirect = 4;
    const { numbers, capacity } = chain;
    const { words, entries } = table;
    const { recentStart, recentEnd } = this.memory;
    const base = table.offset >>> 2;
    // The mask changes nothing, but shows that sums of indices are small integers.
    let index = head & 0x7fff;
    let count = 0;
    let byteLength = 0;
    let writing = 0;
    let address: number;
    let length: number;
    let control: number;
    for (;;) {
      const at = base + (index << 2);
      address = words[at + 1]! * 4294967296 + words[at]!;
      length = words[at + 2]!;
      control = words[at + 3]!;
      if ((control & (WRITE | INDIRECT)) !== writing) {
        if (writing !== 0 || (control & INDIRECT) !== 0) break;
        writing = WRITE;
        chain.endReadable(count, byteLength);
      }
      if (!(address >= recentStart && address + length <= recentEnd) || length === 0 || count === capacity) break;
      const to = count << 1;
      numbers[to] = address;
      numbers[to + 1] = length;
      count++;
      byteLength += length;
      if ((control & NEXT) === 0) return chain.end(count, byteLength, writing);
      index = control >>> 16;
      if (index >= entries) break;
    }
    this.at.set(index, address, length, control);
    return this.readOn(chain, table, count, byteLength, writing);
  }

  /** Goes on with the descriptor that `read` has stopped at. A chain that is all in one table starts again there. */
  private readOn(
    chain: SegmentList,
    table: DescriptorTable,
    count: number,
    byteLength: number,
    writing: number,
  ): boolean {
    const { index, control } = this.at;
    if (index >= table.entries) return this.refuseNext(index, table);
    if (count === 0 && isIndirect(control)) return this.enter(table) && this.read(chain, this.tables.table, 0);
    this.rest.begin(chain, count, byteLength, writing);
    return this.readRest(chain, table);
  }

  private readRest(chain: SegmentList, table: DescriptorTable): boolean {
    const { at, rest } = this;
    let from = table;
    for (let left = this.ring.entries - chain.count; left > 0; left--) {
      for (; isIndirect(at.control); from = this.tables.table) {
        if (!this.enter(from)) return false;
        at.load(this.tables.table, 0);
      }
      if (!rest.add(at, isWritable(at.control))) return false;
      if (!hasNext(at.control)) return rest.end();
      const next = at.control >>> 16;
      if (next >= from.entries) return this.refuseNext(next, from);
      at.load(from, next);
    }
    return this.faults.fail('chain-length', `the chain goes on after ${this.ring.entries} descriptors`);
  }

  private refuseNext(next: number, table: DescriptorTable): false {
    return this.faults.fail('next-range', `next ${next} in a table of ${table.entries}`);
  }

  private enter(from: DescriptorTable): boolean {
    const broken = this.open(from);
    return broken === null || this.faults.fail(broken, describeTable(this.at));
  }

  /** The write flag of the descriptor that refers to a table means nothing (2.7.5.3.2). */
  private open(from: DescriptorTable): QueueRule | null {
    const { address, length, control } = this.at;
    if (!this.indirect) return 'indirect-feature';
    if (from !== this.ring) return 'indirect-nested';
    if (hasNext(control)) return 'indirect-next';
    return this.tables.open(address, length);
  }
}
