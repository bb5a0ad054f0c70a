/** The segments of one chain: checked ranges of guest memory. */
import type { QueueRule } from './errors.js';
import type { MemoryMap } from './memory-map.js';
import type { RingFaults } from './ring-faults.js';
import type { SegmentBudget } from './segment-budget.js';

/** Numbers for each segment: its address, and its length in bytes. */
const NUMBERS = 2;
/** Segments that each list has room for; longer chains make it grow. */
const FIRST_SEGMENTS = 8;

/** The room of `count` lists, in one piece. */
export function makeRoom(count: number): Float64Array[] {
  const size = FIRST_SEGMENTS * NUMBERS;
  const all = new Float64Array(count * size);
  return Array.from({ length: count }, (_, i) => all.subarray(i * size, (i + 1) * size));
}

export class SegmentList {
  declare readonly memory: MemoryMap;
  declare private readonly budget: SegmentBudget;
  declare private readonly faults: RingFaults;
  /** The room it has from the start. */
  declare private readonly room: Float64Array;
  /** Address and length of each segment; each lies in one region. */
  declare numbers: Float64Array;
  /** Segments that there is room for. */
  capacity = FIRST_SEGMENTS;
  count = 0;
  /** The first so many are readable, the others writable. */
  readableCount = 0;
  readableBytes = 0;
  writableBytes = 0;

  constructor(room: Float64Array, memory: MemoryMap, budget: SegmentBudget, faults: RingFaults) {
    this.room = room;
    this.numbers = room;
    this.memory = memory;
    this.budget = budget;
    this.faults = faults;
  }

  address(segment: number): number {
    return this.numbers[segment * NUMBERS]!;
  }

  length(segment: number): number {
    return this.numbers[segment * NUMBERS + 1]!;
  }

  /** The first `count` segments, of so many bytes, are the readable ones. */
  endReadable(count: number, byteLength: number): void {
    this.readableCount = count;
    this.readableBytes = byteLength;
  }

  /** These are all segments; `writing` is 0 where all are readable. False where the chain is 2^32 bytes long or longer. */
  end(count: number, byteLength: number, writing: number): boolean {
    if (writing === 0) this.endReadable(count, byteLength);
    this.count = count;
    this.writableBytes = byteLength - this.readableBytes;
    return byteLength < 4294967296 || this.refuseBytes(byteLength);
  }

  private refuseBytes(byteLength: number): false {
    return this.faults.fail('chain-bytes', `${byteLength} bytes`);
  }

  /** Adds a range: a segment for each region that it lies in, and none for an empty one, wherever it points. */
  add(address: number, length: number, writable: boolean): boolean {
    for (let done = 0; done < length; ) {
      const region = this.memory.find(address + done);
      if (region < 0) return this.refuse('buffer-address', address, length);
      if (writable && this.memory.regions[region]!.readonly) return this.refuse('buffer-readonly', address, length);
      if (this.count === this.capacity && !this.grow()) return this.faults.starve();
      const here = Math.min(length - done, this.memory.left(region, address + done));
      this.numbers[this.count * NUMBERS] = address + done;
      this.numbers[this.count * NUMBERS + 1] = here;
      this.count++;
      done += here;
    }
    return true;
  }

  private refuse(rule: QueueRule, address: number, length: number): false {
    return this.faults.fail(rule, `buffer at 0x${address.toString(16)}, ${length} byte(s)`);
  }

  private grow(): boolean {
    if (!this.budget.take(this.capacity)) return false;
    this.capacity *= 2;
    const numbers = new Float64Array(this.capacity * NUMBERS);
    numbers.set(this.numbers);
    this.numbers = numbers;
    return true;
  }

  /** Gives back what the list has grown by. Only while the chain is idle. */
  shrink(): void {
    this.budget.give(this.capacity - FIRST_SEGMENTS);
    this.capacity = FIRST_SEGMENTS;
    this.numbers = this.room;
  }
}
