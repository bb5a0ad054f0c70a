/** The inflight area ("Inflight I/O tracking"): one part per queue. Offsets and sizes are in bytes. */

/** `QueueRegionSplit`, and its entries, `DescStateSplit`: by head. */
export const SplitPart = { features: 0, version: 8, entries: 10, lastBatchHead: 12, usedIdx: 14, size: 16 } as const;
export const SplitEntry = { inflight: 0, next: 6, counter: 8, size: 16 } as const;

/** `QueueRegionPacked`, and its entries, `DescStatePacked`: a free list, and one entry per descriptor in flight. */
export const PackedPart = {
  features: 0,
  version: 8,
  entries: 10,
  freeHead: 12,
  oldFreeHead: 14,
  usedIdx: 16,
  oldUsedIdx: 18,
  usedWrap: 20,
  oldUsedWrap: 21,
  size: 32,
} as const;
export const PackedEntry = {
  inflight: 0,
  next: 2,
  last: 4,
  num: 6,
  counter: 8,
  id: 16,
  flags: 18,
  length: 20,
  address: 24,
  size: 32,
} as const;

export const INFLIGHT_VERSION = 1;
const ALIGNMENT = 64;

/** Of one queue. */
export function partBytes(queueSize: number, packed: boolean): number {
  const bytes = packed ? PackedPart.size + PackedEntry.size * queueSize : SplitPart.size + SplitEntry.size * queueSize;
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Whether a tracker has made the part its own. The version is at the same place in both formats. */
export function isBegun(part: Uint8Array): boolean {
  return part[SplitPart.version] === INFLIGHT_VERSION;
}
