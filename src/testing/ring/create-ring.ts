/** Rings by their features. */
import type { GuestMemory } from '../../memory/index.js';
import { Feature } from '../../virtio/index.js';
import { PackedRing } from './packed-ring.js';
import type { RingOptions } from './ring-options.js';
import { SplitRing } from './split-ring.js';

export function createRing(memory: GuestMemory, options: RingOptions): SplitRing | PackedRing {
  const packed = (options.features & Feature.ringPacked) !== 0n;
  return packed ? new PackedRing(memory, options) : new SplitRing(memory, options);
}
