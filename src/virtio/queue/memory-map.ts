/** Guest-physical addresses to regions, without making an object. */
import { PAGE_SIZE } from '../../native/index.js';
import type { GuestAccess } from './guest-access.js';
import { accessTo, type QueueMemory, type QueueRegion } from './queue-memory.js';

const NOT_FOUND = -1;
const NO_HIGH_WORD = -1;
const NO_WORDS = new Uint32Array(0);
const TWO_TO_32 = 2 ** 32;
/** Offsets up to here: an empty buffer, whose length less one is 2^32 - 1, never seems to fit behind them. */
const LAST_OFFSET = TWO_TO_32 - PAGE_SIZE - 1;

/**
 * The regions, arranged for lookups: a lookup answers with the number of a region. Addresses are numbers: regions end
 * below 2^53, so a 64-bit address that a number cannot hold exactly lies outside of all of them.
 */
export class MemoryMap {
  declare readonly regions: readonly QueueRegion[];
  /** All of each region. */
  declare readonly accesses: readonly GuestAccess[];
  declare private readonly starts: Float64Array;
  declare private readonly sizes: Float64Array;
  /** A writable region found lately, where the next buffer probably is: its number, first address, and the one behind. */
  recent = 0;
  /** The last address that was in no region, and whether somebody wanted to write there. */
  missed = 0;
  missedWriting = false;
  private recentStart = 0;
  private recentEnd = 0;
  /**
   * The same for the loops that read chains, in 32-bit integers that take no checks to load: high word, low word, and last
   * offset. An address whose high word is the first has the offset `low - window[1]`, modulo 2^32; it is in the region where
   * that is not above `window[2]`, both taken as unsigned. What of a region has another high word is left to `find`, and so
   * is the last page of one that is 2^32 bytes long.
   */
  readonly window = Int32Array.of(NO_HIGH_WORD, 0, 0);
  declare recentWords: Uint32Array;

  constructor({ regions }: QueueMemory) {
    this.regions = [...regions];
    this.accesses = regions.map((region) => accessTo(region, 0, region.size));
    this.starts = Float64Array.from(regions, ({ gpa }) => gpa);
    this.sizes = Float64Array.from(regions, ({ size }) => size);
    this.recentWords = NO_WORDS;
  }

  /** False once a region has been unmapped. */
  get usable(): boolean {
    return this.accesses.every(({ usable }) => usable);
  }

  /** The region that holds `address`, or -1. */
  find(address: number): number {
    return address >= this.recentStart && address < this.recentEnd ? this.recent : this.search(address);
  }

  private search(address: number): number {
    let low = 0;
    let high = this.starts.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const offset = address - this.starts[middle]!;
      if (offset < 0) high = middle - 1;
      else if (offset < this.sizes[middle]!) return this.remember(middle);
      else low = middle + 1;
    }
    this.missed = address;
    return NOT_FOUND;
  }

  private remember(region: number): number {
    if (this.regions[region]!.readonly) return region;
    this.recent = region;
    this.recentStart = this.starts[region]!;
    this.recentEnd = this.recentStart + this.sizes[region]!;
    this.openWindow(this.accesses[region]!);
    return region;
  }

  private openWindow({ words }: GuestAccess): void {
    const { recentStart, recentEnd } = this;
    const high = Math.floor(recentStart / TWO_TO_32);
    const end = Math.min(recentEnd, (high + 1) * TWO_TO_32);
    this.window[0] = high;
    this.window[1] = recentStart;
    this.window[2] = Math.min(end - recentStart - 1, LAST_OFFSET);
    this.recentWords = words;
  }

  /** Bytes from `address` to the end of its region. */
  left(region: number, address: number): number {
    return this.sizes[region]! - this.offset(region, address);
  }

  /** Offset of `address` in its region. */
  offset(region: number, address: number): number {
    return address - this.starts[region]!;
  }

  /** Whether all of [address, address + length) is memory, in one region or in adjacent ones. */
  covers(address: number, length: number): boolean {
    for (let done = 0; done < length; ) {
      const region = this.find(address + done);
      if (region < 0) return false;
      done += this.left(region, address + done);
    }
    return true;
  }

  /** Copies from a range that `covers` has accepted. */
  read(address: number, length: number, target: Uint8Array): void {
    for (let done = 0; done < length; ) {
      const region = this.find(address + done);
      const count = Math.min(length - done, this.left(region, address + done));
      this.accesses[region]!.copyTo(this.offset(region, address + done), count, target, done);
      done += count;
    }
  }
}
