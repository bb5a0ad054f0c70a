/** Where guest memory lies in the guest-physical address space. */
import { MAX_MAPPING_LENGTH, PAGE_SIZE } from '../native/index.js';
import { MemoryLayoutError } from './errors.js';

const GIB = 2 ** 30;
/** x86 has at most 52 physical address bits, so that every gpa of memory is a safe integer. */
const ADDRESS_LIMIT = 2 ** 52;
/** More than any machine here needs, few enough that a hostile table cannot exhaust the mappings of the process. */
const MAX_REGIONS = 512;

export interface RegionLayout {
  /** First guest-physical address, a multiple of 4096. */
  gpa: number;
  /** In bytes, a multiple of 4096, at most MAX_MAPPING_LENGTH. */
  size: number;
  /** The guest can only read it (ROM, flash). Default false. */
  readonly?: boolean;
}

/** Guest-physical addresses without memory: [start, end). */
export interface AddressHole {
  start: number;
  end: number;
}

/** Where PC firmware and devices expect their registers. */
export const X86_HOLE: AddressHole = { start: 3 * GIB, end: 4 * GIB };

/** Memory of `size` bytes from address 0 around a hole, in regions that each fit one mapping. */
export function ramLayout(size: number, hole: AddressHole = X86_HOLE): RegionLayout[] {
  if (!isPageMultiple(size) || size === 0)
    throw new MemoryLayoutError(`size ${size} is not a multiple of ${PAGE_SIZE}`);
  if (!isPageMultiple(hole.start) || !isPageMultiple(hole.end) || hole.end < hole.start)
    throw new MemoryLayoutError(`the hole ${hole.start} to ${hole.end} is not a range of pages`);
  const below = Math.min(size, hole.start);
  return [...split(0, below), ...split(hole.end, size - below)];
}

function split(gpa: number, size: number): RegionLayout[] {
  const regions: RegionLayout[] = [];
  for (let done = 0; done < size; done += MAX_MAPPING_LENGTH)
    regions.push({ gpa: gpa + done, size: Math.min(size - done, MAX_MAPPING_LENGTH) });
  return regions;
}

/** Checks alignment, size and overlap, and returns the regions sorted by address. */
export function checkLayout<Region extends RegionLayout>(regions: readonly Region[]): Region[] {
  if (regions.length === 0 || regions.length > MAX_REGIONS)
    throw new MemoryLayoutError(`${regions.length} regions: guest memory has 1 to ${MAX_REGIONS}`);
  regions.forEach(checkRegion);
  return sortApart(regions);
}

/** The regions sorted by address. MemoryLayoutError where two overlap. */
export function sortApart<Region extends RegionLayout>(regions: readonly Region[]): Region[] {
  const sorted = [...regions].sort((a, b) => a.gpa - b.gpa);
  for (let i = 1; i < sorted.length; i++) checkApart(sorted[i - 1]!, sorted[i]!);
  return sorted;
}

function checkRegion({ gpa, size }: RegionLayout): void {
  if (!isPageMultiple(gpa) || !isPageMultiple(size) || size === 0)
    throw new MemoryLayoutError(`region at ${gpa} of ${size} bytes does not begin and end at a page`);
  if (size > MAX_MAPPING_LENGTH) throw new MemoryLayoutError(`region at ${gpa}: ${size} bytes are too many, split it`);
  if (gpa >= ADDRESS_LIMIT) throw new MemoryLayoutError(`region at ${gpa} is beyond the physical address space`);
}

function checkApart(lower: RegionLayout, upper: RegionLayout): void {
  if (lower.gpa + lower.size > upper.gpa)
    throw new MemoryLayoutError(`the regions at ${lower.gpa} and ${upper.gpa} overlap`);
}

function isPageMultiple(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value % PAGE_SIZE === 0;
}
