/** Reading the usual chains of a packed ring, many at a time. */
import type { MemoryMap } from './memory-map.js';
import type { QueueChain } from './queue-chain.js';
import { UnreadChain } from './unread-chain.js';

/** Why the first chain was not read: a descriptor, or how many they are, or its buffer ID. */
export const PackedStop = { descriptor: -1, chain: -2 } as const;

/** What of a packed ring is read. */
export interface PackedRing {
  /** Four for each descriptor. */
  readonly words: Uint32Array;
  readonly size: number;
  /** Entries of the longest indirect table; 0 without the feature. */
  readonly longestTable: number;
  /** 1 for each buffer ID in flight: any 16-bit number may be one. */
  readonly ids: Int8Array;
}

export class PackedReadAhead {
  declare private readonly words: Uint32Array;
  declare private readonly ids: Int8Array;
  declare private readonly memory: MemoryMap;
  declare private readonly line: readonly QueueChain[];
  private readonly size: number;
  private readonly longestTable: number;
  /** The chain that was not read, its ID and number of descriptors as far as they are known. */
  declare readonly unread: UnreadChain;
  /** Of all the chains that were read. */
  descriptors = 0;

  constructor(ring: PackedRing, line: readonly QueueChain[], memory: MemoryMap) {
    this.words = ring.words;
    this.ids = ring.ids;
    this.size = ring.size;
    this.longestTable = ring.longestTable;
    this.memory = memory;
    this.line = line;
    this.unread = new UnreadChain(line[0]!, ring.words);
  }

  /**
   * As SplitReadAhead.read: here the next descriptor is the one behind, and each of them has to be available. The first is at
   * offset `next`, where an available one has the bits of `lap`; that many descriptors from there on are known to be
   * `visible`, and `most` of them may be taken.
   */
  read(next: number, lap: number, most: number, visible: number, wanted: number): number {
    // Flags where they are in the last word of a descriptor, as signed integers.
    const NEXT = 0x10000;
    const WRITE = 0x20000;
    const INDIRECT = 0x40000;
    const STATES = 0x80800000 | 0;
    const CHECKED = STATES | INDIRECT | WRITE;
    const { words: ring, ids, size, line, unread } = this;
    const { window, recent, recentWords } = this.memory;
    const recentHigh = window[0]!;
    const recentLow = window[1]!;
    const recentLast = window[2]!;
    const longestTable = most !== 0 ? this.longestTable : 0;
    let state = lap << 16;
    let place = next | 0;
    let taken = 0;
    let stop = 0;
    let count = 0;
    while (count < wanted && taken < visible) {
      const chain = line[count]!;
      const { words: segments, readable, writable } = chain;
      chain.common = recent;
      let expected = state;
      let words = ring;
      let first = 0;
      let end = size << 2;
      let checked = CHECKED;
      let added = 0;
      let at = place << 2;
      let offset = ((words[at]! | 0) - recentLow) | 0;
      let high = words[at | 1]! | 0;
      let length = words[at | 2]! | 0;
      let control = words[at | 3]! | 0;
      let id = control & 0xffff;
      if (
        (control & (STATES | INDIRECT | NEXT)) === (state | INDIRECT) &&
        high === recentHigh &&
        offset >>> 0 <= recentLast >>> 0 &&
        ((length - 1) | 0) >>> 0 <= ((recentLast - offset) | 0) >>> 0 &&
        ((offset | length) & 15) === 0 &&
        length >>> 4 <= longestTable
      ) {
        // Of the flags in a table only WRITE has a meaning (2.8.7): it goes on to its end.
        checked = WRITE;
        added = NEXT;
        expected = 0;
        words = recentWords;
        first = offset >>> 2;
        end = (first + (length >>> 2)) | 0;
        at = first;
        offset = ((words[at]! | 0) - recentLow) | 0;
        high = words[at | 1]! | 0;
        length = words[at | 2]! | 0;
        control = words[at | 3]! | 0;
      }
      let to = 0;
      let byteLength = 0;
      let step = 0;
      for (;;) {
        const left = (recentLast - offset) | 0;
        if (high !== recentHigh || offset >>> 0 > recentLast >>> 0 || ((length - 1) | 0) >>> 0 > left >>> 0) break;
        if ((control & checked) !== expected) {
          if ((control & checked) !== (expected | WRITE)) break;
          expected |= WRITE;
          readable.byteLength = byteLength >>> 0;
          readable.segmentCount = to >> 2;
        }
        const sum = (byteLength + length) | 0;
        if (sum >>> 0 < length >>> 0 || to === (segments.length | 0)) break;
        byteLength = sum;
        segments[to] = offset;
        segments[to | 1] = length;
        to = (to + 4) | 0;
        if (((control & NEXT) | added) === 0) {
          id = control & 0xffff;
          step = to >> 2;
          break;
        }
        at = (at + 4) | 0;
        if (at === end) {
          if (added !== 0) {
            step = 1;
            break;
          }
          at = 0;
          expected ^= STATES;
        }
        offset = ((words[at]! | 0) - recentLow) | 0;
        high = words[at | 1]! | 0;
        length = words[at | 2]! | 0;
        control = words[at | 3]! | 0;
      }
      chain.head = id;
      if (step === 0) {
        unread.chain = chain;
        unread.words = words;
        unread.first = first;
        unread.end = end;
        unread.at = at;
        unread.offset = offset;
        unread.high = high;
        unread.length = length;
        unread.control = control;
        unread.to = to;
        unread.byteLength = byteLength;
        unread.writing = expected >>> 16;
        stop = -1;
        break;
      }
      chain.descriptors = step;
      taken = (taken + step) | 0;
      if (taken > most || ids[id] !== 0) {
        taken = (taken - step) | 0;
        unread.chain = chain;
        stop = -2;
        break;
      }
      if ((expected & WRITE) === 0) {
        readable.byteLength = byteLength >>> 0;
        readable.segmentCount = to >> 2;
      }
      writable.byteLength = ((byteLength - readable.byteLength) | 0) >>> 0;
      writable.segmentCount = ((to >> 2) - readable.segmentCount) | 0;
      ids[id] = 1;
      chain.state = 1;
      place = (place + step) | 0;
      if (place >= size) {
        place = (place - size) | 0;
        state ^= STATES;
      }
      count = (count + 1) | 0;
    }
    this.descriptors = taken;
    return count === 0 ? stop : count;
  }
}
