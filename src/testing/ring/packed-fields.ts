/** Every field of a packed ring (2.8), to be read and written at will. */
import type { GuestMemory } from '../../memory/index.js';
import { DESCRIPTOR_SIZE, EventSuppression, RING_EVENT_FLAGS_MASK } from '../../virtio/index.js';
import { DescriptorTable } from './descriptor-table.js';
import type { RingPlace } from './ring-place.js';

/** The last word of a descriptor: id below flags. */
const CONTROL = 3;
const WORDS = DESCRIPTOR_SIZE / 4;

/** Event suppression (2.8.14). */
export interface PackedEvent {
  /** Offset with the wrap counter in bit 15. */
  readonly position: number;
  /** One of RingEventFlags, or 3. */
  readonly mode: number;
}

export class PackedFields {
  readonly descriptors: DescriptorTable;
  readonly #ring: Uint32Array;
  readonly #driver: Uint32Array;
  readonly #device: Uint32Array;

  constructor(memory: GuestMemory, size: number, place: RingPlace) {
    this.descriptors = new DescriptorTable('packed', memory, place.descriptors);
    this.#ring = words(memory, place.descriptors, DESCRIPTOR_SIZE * size);
    this.#driver = words(memory, place.driverArea, EventSuppression.size);
    this.#device = words(memory, place.deviceArea, EventSuppression.size);
  }

  /** Flags of a descriptor; an ordered access, as the device may write from another thread. */
  flags(index: number): number {
    return Atomics.load(this.#ring, WORDS * index + CONTROL) >>> 16;
  }

  /** ID and flags of a descriptor at once; an ordered access with a full fence. */
  setControl(index: number, id: number, flags: number): void {
    Atomics.store(this.#ring, WORDS * index + CONTROL, ((flags << 16) | id) >>> 0);
  }

  get driverEvent(): PackedEvent {
    return decode(Atomics.load(this.#driver, 0));
  }

  set driverEvent(event: PackedEvent) {
    Atomics.store(this.#driver, 0, encode(event));
  }

  get deviceEvent(): PackedEvent {
    return decode(Atomics.load(this.#device, 0));
  }

  set deviceEvent(event: PackedEvent) {
    Atomics.store(this.#device, 0, encode(event));
  }
}

function decode(word: number): PackedEvent {
  return { position: word & 0xffff, mode: (word >>> 16) & RING_EVENT_FLAGS_MASK };
}

function encode({ position, mode }: PackedEvent): number {
  return ((mode << 16) | position) >>> 0;
}

function words(memory: GuestMemory, gpa: number, bytes: number): Uint32Array {
  const region = memory.regionAt(gpa, bytes);
  return new Uint32Array(region.mapping.buffer, gpa - region.gpa, bytes / 4);
}
