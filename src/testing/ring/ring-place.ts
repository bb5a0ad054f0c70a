/** Where the parts of a queue lie in guest memory. */
import { AvailRing, DESCRIPTOR_SIZE, EventSuppression, UsedRing } from '../../virtio/index.js';

export type RingFormat = 'split' | 'packed';

/** Guest-physical addresses of the three areas (2.6), and the first one behind them. */
export interface RingPlace {
  readonly descriptors: number;
  readonly driverArea: number;
  readonly deviceArea: number;
  readonly end: number;
}

/** A cache line: no two areas share one. */
const ALIGNMENT = 64;

/** The areas one after the other from `base` (a multiple of 64) on. */
export function placeRing(format: RingFormat, size: number, base: number): RingPlace {
  const [driverBytes, deviceBytes] =
    format === 'packed'
      ? [EventSuppression.size, EventSuppression.size]
      : [AvailRing.fixedSize + AvailRing.entrySize * size, UsedRing.fixedSize + UsedRing.entrySize * size];
  const driverArea = align(base + DESCRIPTOR_SIZE * size);
  const deviceArea = align(driverArea + driverBytes);
  return { descriptors: base, driverArea, deviceArea, end: align(deviceArea + deviceBytes) };
}

function align(address: number): number {
  return Math.ceil(address / ALIGNMENT) * ALIGNMENT;
}
