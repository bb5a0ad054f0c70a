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
import type { UnreadChain } from './unread-chain.js';

const STATE = DescriptorFlag.avail | DescriptorFlag.used;

export class PackedChainReader {
  declare private readonly ring: DescriptorTable;
  declare private readonly memory: MemoryMap;
  declare private readonly faults: RingFaults;
  declare private readonly tables: IndirectTables;
  declare private readonly rest: ChainRest;
  private readonly indirect: boolean;
  /** The descriptor that took more than the loop. */
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

  /** Reads the list that begins at offset `first`, where an available descriptor has `state`; of at most `limit`. */
  read(chain: QueueChain, first: number, state: number, limit: number): boolean {
    this.at.load(this.ring, first);
    this.state = state;
    this.rest.begin(chain, 0, 0, 0);
    return this.readRest(chain, limit);
  }

  /** Goes on where the loop has left a chain, to at most `limit` descriptors. False where a rule was broken, or there is no room. */
  readOn(unread: UnreadChain, limit: number): boolean {
    const { chain, words, writing } = unread;
    chain.descriptors = 1;
    this.at.loadUnread(unread, this.memory);
    this.state = writing & STATE;
    this.rest.begin(chain, unread.segmentCount, unread.byteLength >>> 0, writing & DescriptorFlag.write);
    if (words === this.ring.words) return this.readRest(chain, limit);
    this.tables.table.set(words, unread.first * 4, unread.entries);
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
  tooLong(limit: number): false {
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
