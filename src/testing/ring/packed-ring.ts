/** A driver with a packed ring (2.8). */
import type { GuestMemory } from '../../memory/index.js';
import { DescriptorFlag, Feature, type QueueSetup, RingEventFlags, RingPosition } from '../../virtio/index.js';
import type { DescriptorFields, DescriptorTable } from './descriptor-table.js';
import type { DriverRing, RingBuffer, UsedChain } from './driver-ring.js';
import { eventPassed } from './event-passed.js';
import { NumberQueue } from './number-queue.js';
import { PackedFields } from './packed-fields.js';
import { RingCursor } from './ring-cursor.js';
import { type RingOptions, setupOf } from './ring-options.js';
import { placeRing, type RingPlace } from './ring-place.js';
import { writeTable } from './write-table.js';

/** The first descriptor of a list, which is made available last. */
interface Head {
  readonly index: number;
  readonly id: number;
  readonly flags: number;
}

export class PackedRing implements DriverRing {
  readonly format = 'packed';
  readonly size: number;
  readonly place: RingPlace;
  readonly fields: PackedFields;
  readonly #options: RingOptions;
  readonly #memory: GuestMemory;
  readonly #eventIdx: boolean;
  readonly #ids: NumberQueue;
  /** Descriptors of each list with the device, by buffer ID. */
  readonly #lists = new Map<number, number>();
  readonly #available: RingCursor;
  readonly #used: RingCursor;
  #unpublished: Head[] = [];
  /** Descriptors made available since `needsKick`. */
  #moved = 0;
  free: number;

  constructor(memory: GuestMemory, options: RingOptions) {
    const { size, base, features, position = RingPosition.wrap } = options;
    this.#options = options;
    this.#memory = memory;
    this.size = size;
    this.free = size;
    this.place = placeRing('packed', size, base);
    memory.fill(base, this.place.end - base, 0);
    this.fields = new PackedFields(memory, size, this.place);
    this.#eventIdx = (features & Feature.eventIdx) !== 0n;
    this.#ids = new NumberQueue(size);
    this.#available = new RingCursor(size, position);
    this.#used = new RingCursor(size, position);
    this.#markUsed(position);
  }

  /** What a ring that has come to `position` looks like: all descriptors used. */
  #markUsed(position: number): void {
    const wrapped = (position & RingPosition.wrap) !== 0;
    for (let index = 0; index < this.size; index++) {
      const thisLap = index < (position & RingPosition.offsetMask);
      this.fields.setControl(index, 0, thisLap === wrapped ? DescriptorFlag.avail | DescriptorFlag.used : 0);
    }
  }

  get descriptors(): DescriptorTable {
    return this.fields.descriptors;
  }

  get setup(): QueueSetup {
    const { position } = this.#used;
    return setupOf(this.#options, this.place, { available: position, used: position });
  }

  get position(): number {
    return this.#available.position;
  }

  add(buffers: readonly RingBuffer[], table?: number): number {
    const count = table === undefined ? buffers.length : 1;
    if (count > this.free) throw new Error(`${count} descriptors asked for, ${this.free} left`);
    const id = this.#ids.take();
    this.#lists.set(id, count);
    this.free -= count;
    if (table !== undefined) this.#write(id, writeTable('packed', this.#memory, table, buffers), true);
    else for (const [i, buffer] of buffers.entries()) this.#write(id, describe(buffer, i === count - 1), i === 0);
    return id;
  }

  #write(id: number, fields: DescriptorFields, first: boolean): void {
    const { index, wrapped } = this.#available;
    const flags = (fields.flags ?? 0) | (wrapped ? DescriptorFlag.avail : DescriptorFlag.used);
    const { address = 0, length = 0 } = fields;
    if (first) this.#unpublished.push({ index, id, flags });
    this.descriptors.set(index, first ? { address, length } : { address, length, id, flags });
    this.#available.advance(1);
    this.#moved++;
  }

  /** The list added last becomes visible first, so that the device sees all of them with the one it waits for. */
  publish(): void {
    for (const { index, id, flags } of this.#unpublished.reverse()) this.fields.setControl(index, id, flags);
    this.#unpublished = [];
  }

  needsKick(): boolean {
    const moved = this.#moved;
    this.#moved = 0;
    const { mode, position } = this.fields.deviceEvent;
    if (mode !== RingEventFlags.desc) return mode === RingEventFlags.enable;
    const { index } = this.#available;
    const event = this.#available.relative(position);
    return eventPassed(event, index - moved, index);
  }

  takeUsed(): UsedChain | null {
    const { index, wrapped } = this.#used;
    const flags = this.fields.flags(index);
    const state = wrapped ? DescriptorFlag.avail | DescriptorFlag.used : 0;
    if ((flags & (DescriptorFlag.avail | DescriptorFlag.used)) !== state) return null;
    const { id, length } = this.descriptors.get(index);
    const count = this.#lists.get(id);
    if (count === undefined) throw new Error(`the device used buffer ${id}, which it does not have`);
    this.#lists.delete(id);
    this.#ids.give(id);
    this.free += count;
    this.#used.advance(count);
    // Without the write flag the length means nothing (2.8.5).
    return { id, written: (flags & DescriptorFlag.write) === 0 ? 0 : length };
  }

  setCalls(wanted: boolean): void {
    if (wanted && this.#eventIdx) this.callAfter(1);
    else this.fields.driverEvent = { position: 0, mode: wanted ? RingEventFlags.enable : RingEventFlags.disable };
  }

  callAfter(entries: number): void {
    this.fields.driverEvent = { position: this.#used.after(entries - 1), mode: RingEventFlags.desc };
  }
}

function describe({ gpa, length, writable }: RingBuffer, last: boolean): DescriptorFields {
  const flags = (writable ? DescriptorFlag.write : 0) | (last ? 0 : DescriptorFlag.next);
  return { address: gpa, length, flags };
}
