/** The segments of one chain: checked ranges of guest memory. */
import type { QueueRule } from './errors.js';
import type { MemoryMap } from './memory-map.js';
import type { RingFaults } from './ring-faults.js';
import type { SegmentBudget } from './segment-budget.js';

/** Words for each segment: offset in its region, length in bytes, number of the region where they differ, and one more. */
const WORDS = 4;
const WORDS_SHIFT = 2;
const LENGTH = 1;
const REGION = 2;
/** Instead of the number of a region. */
const SEVERAL = -1;
/** Segments that each list has room for; longer chains get an array of their own. */
const FIRST_SEGMENTS = 16;

/** The room of `count` lists, one behind the other. */
export function makeRooms(count: number): Uint32Array[] {
  const words = FIRST_SEGMENTS * WORDS;
  const bytes = words * Uint32Array.BYTES_PER_ELEMENT;
  const buffer = new ArrayBuffer(count * bytes);
  return Array.from({ length: count }, (_, place) => new Uint32Array(buffer, place * bytes, words));
}

export abstract class SegmentList {
  declare readonly memory: MemoryMap;
  declare private readonly budget: SegmentBudget;
  declare private readonly faults: RingFaults;
  /** The room it has from the start. */
  declare private readonly room: Uint32Array;
  /** The segments, each of which lies in one region. */
  declare words: Uint32Array;
  /** The region of all segments, or SEVERAL. */
  common = 0;
  count = 0;

  constructor(room: Uint32Array, memory: MemoryMap, budget: SegmentBudget, faults: RingFaults) {
    this.room = room;
    this.words = room;
    this.memory = memory;
    this.budget = budget;
    this.faults = faults;
  }

  region(segment: number): number {
    return this.common === SEVERAL ? this.words[(segment << WORDS_SHIFT) + REGION]! : this.common;
  }

  offset(segment: number): number {
    return this.words[segment << WORDS_SHIFT]!;
  }

  length(segment: number): number {
    return this.words[(segment << WORDS_SHIFT) + LENGTH]!;
  }

  /** The first `count` segments, of so many bytes, are the readable ones. */
  abstract endReadable(count: number, byteLength: number): void;
  /** There are `count` segments, of so many bytes. */
  abstract endWritable(count: number, byteLength: number): void;

  /** More than the first `count` segments, which are all in the recent region, may lie in any. */
  beginRest(count: number): void {
    this.count = count;
    this.common = SEVERAL;
    for (let i = 0; i < count; i++) this.words[(i << WORDS_SHIFT) + REGION] = this.memory.recent;
  }

  /** These are all segments; `writing` is 0 where all are readable. False where the chain is 2^32 bytes long or longer. */
  endRest(count: number, byteLength: number, writing: number): boolean {
    if (writing === 0) this.endReadable(count, byteLength);
    this.endWritable(count, byteLength);
    return byteLength < 4294967296 || this.refuseBytes(byteLength);
  }

  private refuseBytes(byteLength: number): false {
    return this.faults.fail('chain-bytes', `${byteLength} bytes`);
  }

  /** Adds a range: a segment for each region that it lies in, and none for an empty one, wherever it points. */
  add(address: number, length: number, writable: boolean): boolean {
    for (let done = 0; done < length; ) {
      const region = this.memory.find(address + done);
      if (region < 0) return this.miss(address, length, writable);
      if (writable && this.memory.regions[region]!.readonly) return this.refuse('buffer-readonly', address, length);
      if (this.count === this.capacity && !this.grow()) return this.faults.starve();
      const here = Math.min(length - done, this.memory.left(region, address + done));
      this.put(region, this.memory.offset(region, address + done), here);
      done += here;
    }
    return true;
  }

  /** Segments that there is room for. */
  private get capacity(): number {
    return this.words.length >> WORDS_SHIFT;
  }

  private put(region: number, offset: number, length: number): void {
    const at = this.count++ << WORDS_SHIFT;
    this.words[at] = offset;
    this.words[at + LENGTH] = length;
    this.words[at + REGION] = region;
  }

  private miss(address: number, length: number, writable: boolean): false {
    this.memory.missedWriting = writable;
    return this.refuse('buffer-address', address, length);
  }

  private refuse(rule: QueueRule, address: number, length: number): false {
    return this.faults.fail(rule, `buffer at 0x${address.toString(16)}, ${length} byte(s)`);
  }

  private grow(): boolean {
    if (!this.budget.take(this.capacity)) return false;
    const words = new Uint32Array(2 * this.words.length);
    words.set(this.words);
    this.words = words;
    return true;
  }

  /** Gives back what the list has grown by. Only while the chain is idle. */
  shrink(): void {
    this.budget.give(this.capacity - FIRST_SEGMENTS);
    this.words = this.room;
  }
}
