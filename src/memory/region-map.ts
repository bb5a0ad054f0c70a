/** Lookup of guest-physical ranges in sorted, disjoint regions. */
import { GuestAddressError, type GuestAddressReason } from './errors.js';
import type { MemoryRegion } from './region.js';

/** A part of a range that lies in one region. */
export interface RegionPiece {
  region: MemoryRegion;
  gpa: number;
  length: number;
}

/**
 * Addresses are numbers here: regions end below 2^53, so a 64-bit address that a number cannot hold exactly is rounded
 * to one that lies outside of all of them.
 */
export class RegionMap {
  readonly #regions: readonly MemoryRegion[];
  /** Accesses cluster: the last hit is tried first. */
  #recent: MemoryRegion | undefined;

  constructor(regions: readonly MemoryRegion[]) {
    this.#regions = regions;
    this.#recent = regions[0];
  }

  /** The region that holds the whole range, if one does. */
  find(gpa: number, length: number): MemoryRegion | undefined {
    if (!isRange(gpa, length)) return undefined;
    if (this.#recent?.contains(gpa, length)) return this.#recent;
    const region = this.#at(gpa);
    if (region === undefined || !region.contains(gpa, length)) return undefined;
    this.#recent = region;
    return region;
  }

  /** The parts of a range in adjacent regions, in order. Throws GuestAddressError where a byte is missing. */
  split(gpa: number, length: number): RegionPiece[] {
    const pieces: RegionPiece[] = [];
    let at = gpa;
    let left = length;
    do {
      const region = isRange(at, left) ? this.#at(at) : undefined;
      if (region === undefined) throw new GuestAddressError(this.reasonAgainst(at, left), gpa, length);
      const count = Math.min(left, region.end - at);
      pieces.push({ region, gpa: at, length: count });
      at += count;
      left -= count;
    } while (left > 0);
    return pieces;
  }

  /** Why `find` returned nothing. */
  reasonAgainst(gpa: number, length: number): GuestAddressReason {
    if (!isRange(gpa, length)) return gpa > Number.MAX_SAFE_INTEGER ? 'unmapped' : 'invalid';
    return this.#reaches(gpa, length) ? 'straddles' : 'unmapped';
  }

  /** Whether adjacent regions hold all bytes of a range. */
  #reaches(gpa: number, length: number): boolean {
    for (let region = this.#at(gpa); region !== undefined; region = this.#at(region.end))
      if (length <= region.end - gpa) return true;
    return false;
  }

  /** The region that contains an address: binary search. */
  #at(gpa: number): MemoryRegion | undefined {
    let low = 0;
    let high = this.#regions.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const region = this.#regions[middle]!;
      if (gpa < region.gpa) high = middle - 1;
      else if (gpa >= region.end) low = middle + 1;
      else return region;
    }
    return undefined;
  }
}

function isRange(gpa: number, length: number): boolean {
  return Number.isSafeInteger(gpa) && gpa >= 0 && Number.isSafeInteger(length) && length >= 0;
}
