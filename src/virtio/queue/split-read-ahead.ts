/** Reading the usual chains of a split ring, many at a time. */
import type { DescriptorFlag } from '../spec/index.js';
import type { MemoryMap } from './memory-map.js';
import type { QueueChain } from './queue-chain.js';
import { UnreadChain } from './unread-chain.js';

/** Why the first chain was not read: its head, or a descriptor. */
export const SplitStop = { head: -1, descriptor: -2 } as const;

/** What of a split ring is read. */
export interface SplitRing {
  /** Four for each descriptor. */
  readonly words: Uint32Array;
  readonly size: number;
  /** Entries of the longest indirect table; 0 without the feature. */
  readonly longestTable: number;
  /** 1 for each head in flight. (A Uint8Array would be asked for its shape, which Buffers have made many of.) */
  readonly heads: Int8Array;
}

export class SplitReadAhead {
  /** The entries of the available ring, for plain accesses. */
  declare availRing: Uint16Array;
  declare private readonly words: Uint32Array;
  declare private readonly heads: Int8Array;
  declare private readonly memory: MemoryMap;
  declare private readonly line: readonly QueueChain[];
  // Made as integers: a field that was undefined once is asked, at each use, whether it is one.
  private readonly size: number = 0;
  private readonly mask: number = 0;
  private readonly longestTable: number = 0;
  declare readonly unread: UnreadChain;

  constructor(availRing: Uint16Array, ring: SplitRing, line: readonly QueueChain[], memory: MemoryMap) {
    this.availRing = availRing;
    this.words = ring.words;
    this.heads = ring.heads;
    this.size = ring.size;
    this.mask = ring.size - 1;
    this.longestTable = ring.longestTable;
    this.memory = memory;
    this.line = line;
    this.unread = new UnreadChain(line[0]!, ring.words);
  }

  /**
   * Reads up to `wanted` chains from entry `next` of the available ring on into the line, whose chains are idle, and says how
   * many. Each word is read once. Whatever takes more than this loop, or breaks a rule, ends it: a SplitStop where that is
   * the first chain, which is `unread` then; another one is left for its turn.
   *
   * What a chain costs is decided here, and in the like of this for packed rings: the loops keep to 32-bit integers (`| 0` and
   * `>>> 0` say so: other sums would be checked for overflow, or made as floating-point numbers). Constants are written
   * out: a name of the module is looked up at each use. After a loop, or in it, the compiler knows no shapes any more, so
   * what a chain gets once is stored before. Nothing is called.
   */
  read(next: number, wanted: number): number {
    const NEXT: typeof DescriptorFlag.next = 1;
    const WRITE: typeof DescriptorFlag.write = 2;
    const INDIRECT: typeof DescriptorFlag.indirect = 4;
    const { availRing, heads, mask, line, words: ring, size, longestTable, unread } = this;
    const { window, recent, recentWords } = this.memory;
    const recentHigh = window[0]!;
    const recentLow = window[1]!;
    const recentLast = window[2]!;
    const most = wanted | 0;
    const from = next | 0;
    let stop = 0;
    let count = 0;
    while (count < most) {
      const chain = line[count]!;
      const head = availRing[((from + count) | 0) & mask]!;
      if (heads[head] !== 0) {
        unread.at = head;
        stop = -1;
        break;
      }
      const { words: segments } = chain;
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
      let to = 0;
      let byteLength = 0;
      let writing = 0;
      // The first descriptor, which may refer to a table, and whose place is known, is read outside of the loop; the compiler
      // takes the second out of it by itself, since the loop has one end, and ways out that lead to one place. So a chain of
      // three asks once, not in each turn, for the shapes and lengths of what it reads and writes.
      // biome-ignore lint/suspicious/noConfusingLabels: the way out of both
      usual: {
        let left = (recentLast - offset) | 0;
        if (high !== recentHigh || offset >>> 0 > recentLast >>> 0 || ((length - 1) | 0) >>> 0 > left >>> 0)
          break usual;
        if ((control & (WRITE | INDIRECT)) !== 0) {
          if ((control & INDIRECT) !== 0) {
            if ((control & NEXT) !== 0 || ((offset | length) & 15) !== 0 || length >>> 4 > longestTable) break usual;
            words = recentWords;
            entries = length >>> 4;
            first = offset >>> 2;
            at = first;
            offset = ((words[at]! | 0) - recentLow) | 0;
            high = words[at | 1]! | 0;
            length = words[at | 2]! | 0;
            control = words[at | 3]! | 0;
            left = (recentLast - offset) | 0;
            if (high !== recentHigh || offset >>> 0 > recentLast >>> 0 || ((length - 1) | 0) >>> 0 > left >>> 0)
              break usual;
            if ((control & INDIRECT) !== 0) break usual;
          }
          if ((control & WRITE) !== 0) {
            writing = WRITE;
            const { readable } = chain;
            readable.byteLength = 0;
            readable.segmentCount = 0;
          }
        }
        byteLength = length;
        segments[0] = offset;
        segments[1] = length;
        to = 4;
        while ((control & NEXT) !== 0) {
          const index = control >>> 16;
          at = (first + (index << 2)) | 0;
          if (index >= entries) {
            // Nobody asks for them, so they need no place up to here.
            offset = high = length = control = 0;
            break usual;
          }
          offset = ((words[at]! | 0) - recentLow) | 0;
          high = words[at | 1]! | 0;
          length = words[at | 2]! | 0;
          control = words[at | 3]! | 0;
          left = (recentLast - offset) | 0;
          if (high !== recentHigh || offset >>> 0 > recentLast >>> 0 || ((length - 1) | 0) >>> 0 > left >>> 0)
            break usual;
          if ((control & (WRITE | INDIRECT)) !== writing) {
            if (writing !== 0 || (control & INDIRECT) !== 0) break usual;
            writing = WRITE;
            const { readable } = chain;
            readable.byteLength = byteLength >>> 0;
            readable.segmentCount = to >> 2;
          }
          const sum = (byteLength + length) | 0;
          if (sum >>> 0 < length >>> 0 || to === (segments.length | 0)) break usual;
          byteLength = sum;
          segments[to] = offset;
          segments[to | 1] = length;
          to = (to + 4) | 0;
        }
        const { readable, writable } = chain;
        const segmentCount = to >> 2;
        if (writing === 0) {
          readable.byteLength = byteLength >>> 0;
          readable.segmentCount = segmentCount;
        }
        writable.byteLength = ((byteLength - readable.byteLength) | 0) >>> 0;
        writable.segmentCount = (segmentCount - readable.segmentCount) | 0;
        count = (count + 1) | 0;
        continue;
      }
      unread.chain = chain;
      unread.words = words;
      unread.first = first;
      unread.end = (first + (entries << 2)) | 0;
      unread.at = at;
      unread.offset = offset;
      unread.high = high;
      unread.length = length;
      unread.control = control;
      unread.to = to;
      unread.byteLength = byteLength;
      unread.writing = writing;
      heads[head] = 0;
      chain.state = 0;
      stop = -2;
      break;
    }
    return count === 0 ? stop : count;
  }
}
