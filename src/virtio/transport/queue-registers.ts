/** The registers of one virtqueue (4.1.4.3), as the driver sets them up and as they become a `QueueSetup`. */

import type { QueuePosition, QueueSetup } from '../queue/index.js';
import { AvailRing, DESCRIPTOR_SIZE, Feature, LEGACY_QUEUE_ALIGN } from '../spec/index.js';
import type { SavedFields } from '../state/index.js';

/** An address as two registers of 32 bits. */
export interface AddressRegister {
  low: number;
  high: number;
}

/** Addresses as low and high halves. */
export interface SavedQueueRegisters {
  readonly size: number;
  readonly enabled: boolean;
  readonly descriptors: readonly number[];
  readonly driverArea: readonly number[];
  readonly deviceArea: readonly number[];
}

const U32_MAX = 0xffff_ffff;

/** The three areas of a queue, by the names of `QueueSetup`. */
export type QueueArea = 'descriptors' | 'driverArea' | 'deviceArea';

export class QueueRegisters {
  readonly index: number;
  readonly maxSize: number;
  /** At most `maxSize`; a power of two where `setSize` was told so. */
  size: number;
  enabled = false;
  /** The driver has asked for a queue reset (2.6.1) that is still under way. */
  resetting = false;
  readonly descriptors: AddressRegister = { low: 0, high: 0 };
  readonly driverArea: AddressRegister = { low: 0, high: 0 };
  readonly deviceArea: AddressRegister = { low: 0, high: 0 };

  constructor(index: number, maxSize: number) {
    this.index = index;
    this.maxSize = maxSize;
    this.size = maxSize;
  }

  /** False where no queue of this size may exist: then the size stays as it was (4.1.4.3.2). */
  setSize(size: number, features: bigint): boolean {
    const packed = (features & Feature.ringPacked) !== 0n;
    if (size === 0 || size > this.maxSize) return false;
    if (!packed && (size & (size - 1)) !== 0) return false;
    this.size = size;
    return true;
  }

  /** The page of a queue that a legacy driver has enabled; zero for one it has not. */
  get legacyPage(): number {
    return this.enabled ? Number(addressOf(this.descriptors) / BigInt(LEGACY_QUEUE_ALIGN)) : 0;
  }

  /** The legacy layout: all areas in one piece, from a page on (2.7.2). Page zero disables the queue. */
  setLegacyPage(page: number): void {
    const descriptors = page * LEGACY_QUEUE_ALIGN;
    const driverArea = descriptors + DESCRIPTOR_SIZE * this.maxSize;
    const end = driverArea + AvailRing.fixedSize + AvailRing.entrySize * this.maxSize;
    setAddress(this.descriptors, descriptors);
    setAddress(this.driverArea, driverArea);
    setAddress(this.deviceArea, Math.ceil(end / LEGACY_QUEUE_ALIGN) * LEGACY_QUEUE_ALIGN);
    this.enabled = page !== 0;
  }

  /** As after a device or queue reset. */
  reset(): void {
    this.size = this.maxSize;
    this.enabled = false;
    this.resetting = false;
    for (const area of [this.descriptors, this.driverArea, this.deviceArea]) {
      area.low = 0;
      area.high = 0;
    }
  }

  /** While no reset of the queue is under way. */
  save(): SavedQueueRegisters {
    const halves = ({ low, high }: AddressRegister): number[] => [low >>> 0, high >>> 0];
    const { size, enabled, descriptors, driverArea, deviceArea } = this;
    const [descriptorHalves, driverHalves, deviceHalves] = [descriptors, driverArea, deviceArea].map(halves);
    return {
      size,
      enabled,
      descriptors: descriptorHalves!,
      driverArea: driverHalves!,
      deviceArea: deviceHalves!,
    };
  }

  /** What `save` gave; where the areas may lie is for `createQueue` to say. @throws SavedStateError */
  restore(saved: SavedFields): void {
    this.size = saved.integer('size', this.maxSize);
    if (this.size === 0) throw saved.error('size', 'is zero');
    this.enabled = saved.boolean('enabled');
    for (const area of ['descriptors', 'driverArea', 'deviceArea'] as const) {
      const [low, high] = saved.integers(area, 2, U32_MAX);
      this[area].low = low!;
      this[area].high = high!;
    }
  }

  /** The registers as a value that no later write changes, of a fresh queue or of one that goes on at a position. */
  freeze(features: bigint, position?: QueuePosition): QueueSetup {
    return {
      ...(position === undefined ? {} : { position }),
      index: this.index,
      size: this.size,
      features,
      descriptors: addressOf(this.descriptors),
      driverArea: addressOf(this.driverArea),
      deviceArea: addressOf(this.deviceArea),
    };
  }
}

function addressOf({ low, high }: AddressRegister): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** `address` is below 2^53: a legacy driver names a page by 32 bits. */
function setAddress(register: AddressRegister, address: number): void {
  register.low = address % 2 ** 32;
  register.high = Math.floor(address / 2 ** 32);
}
