/** What a driver decides about a ring before it makes it. */
import type { QueuePosition, QueueSetup } from '../../virtio/index.js';
import type { RingPlace } from './ring-place.js';

export interface RingOptions {
  readonly index: number;
  /** Descriptors. */
  readonly size: number;
  /** What the driver accepted: VIRTIO_F_RING_PACKED selects the format. */
  readonly features: bigint;
  /** gpa of the first area, a multiple of 64. Its areas are set to zero. */
  readonly base: number;
  /** Where the ring begins: in 16 bits as in QueuePosition. Default: a fresh ring. */
  readonly position?: number;
}

export function setupOf(options: RingOptions, place: RingPlace, position: QueuePosition): QueueSetup {
  const { index, size, features } = options;
  return {
    index,
    size,
    features,
    descriptors: BigInt(place.descriptors),
    driverArea: BigInt(place.driverArea),
    deviceArea: BigInt(place.deviceArea),
    position,
  };
}
