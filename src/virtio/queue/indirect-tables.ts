/** Finding indirect tables in guest memory. */
import { DESCRIPTOR_SIZE } from '../spec/index.js';
import { DescriptorTable } from './descriptor-table.js';
import type { QueueRule } from './errors.js';
import type { MemoryMap } from './memory-map.js';

const SIZE = DESCRIPTOR_SIZE;
const SIZE_SHIFT = 4;

/**
 * Tables begin at a multiple of 16 in practice, and lie in one region; neither is a rule, so one that is not is copied
 * first. No table may be longer than the longest chain, which bounds the copy.
 */
export class IndirectTables {
  declare private readonly memory: MemoryMap;
  private limit = 0;
  private copy = new Uint32Array(0);
  /** The table opened last. */
  readonly table = new DescriptorTable(this.copy, 0, 0);

  constructor(memory: MemoryMap, queueSize: number) {
    this.memory = memory;
    this.limit = queueSize;
  }

  /** Opens the table of `length` bytes. The rule that the driver broke, or null. */
  open(address: number, length: number): QueueRule | null {
    if (length === 0 || (length & (SIZE - 1)) !== 0) return 'indirect-length';
    const entries = length >>> SIZE_SHIFT;
    if (entries > this.limit) return 'chain-length';
    const region = this.memory.find(address);
    if (region < 0) return this.miss();
    const offset = this.memory.offset(region, address);
    if ((offset & (SIZE - 1)) !== 0 || length > this.memory.left(region, address))
      return this.openCopy(address, entries);
    this.table.set(this.memory.accesses[region]!.words, offset, entries);
    return null;
  }

  private miss(): QueueRule {
    this.memory.missedWriting = false;
    return 'indirect-address';
  }

  private openCopy(address: number, entries: number): QueueRule | null {
    if (!this.memory.covers(address, entries * SIZE)) return this.miss();
    if (this.copy.length === 0) this.copy = new Uint32Array((this.limit * SIZE) / 4);
    this.memory.read(address, entries * SIZE, new Uint8Array(this.copy.buffer));
    this.table.set(this.copy, 0, entries);
    return null;
  }
}
