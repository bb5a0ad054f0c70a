/** Reading the chains of a split ring (2.7.5). */
import { ChainRest } from './chain-rest.js';
import { Descriptor, describeTable, hasNext, isIndirect, isWritable } from './descriptor.js';
import type { DescriptorTable } from './descriptor-table.js';
import type { QueueRule } from './errors.js';
import { IndirectTables } from './indirect-tables.js';
import type { MemoryMap } from './memory-map.js';
import type { RingFaults } from './ring-faults.js';
import type { SegmentList } from './segment-list.js';
import type { UnreadChain } from './unread-chain.js';

export class SplitChainReader {
  declare private readonly ring: DescriptorTable;
  declare private readonly memory: MemoryMap;
  declare private readonly faults: RingFaults;
  declare private readonly tables: IndirectTables;
  declare private readonly rest: ChainRest;
  private readonly indirect: boolean;
  /** The descriptor that took more than the loop. */
  private readonly at = new Descriptor();

  constructor(ring: DescriptorTable, indirect: boolean, memory: MemoryMap, faults: RingFaults) {
    this.ring = ring;
    this.indirect = indirect;
    this.memory = memory;
    this.faults = faults;
    this.tables = new IndirectTables(memory, ring.entries);
    this.rest = new ChainRest(faults);
  }

  /** Goes on where the loop has left a chain. False where a rule was broken, or there is no room. */
  readOn(unread: UnreadChain): boolean {
    const { chain, words } = unread;
    if (words.length === 0) return this.faults.fail('area', 'the guest memory has been unmapped');
    this.at.loadUnread(unread, this.memory);
    this.rest.begin(chain, unread.segmentCount, unread.byteLength >>> 0, unread.writing);
    if (words === this.ring.words) return this.readRest(chain, this.ring);
    this.tables.table.set(words, unread.first * 4, unread.entries);
    return this.readRest(chain, this.tables.table);
  }

  private readRest(chain: SegmentList, table: DescriptorTable): boolean {
    const { at, rest } = this;
    let from = table;
    if (at.index >= from.entries) return this.refuseNext(at.index, from);
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
