/** A driver with a split ring (2.7). */
import type { GuestMemory } from '../../memory/index.js';
import { AVAIL_NO_INTERRUPT, DescriptorFlag, Feature, type QueueSetup, USED_NO_NOTIFY } from '../../virtio/index.js';
import type { DescriptorFields, DescriptorTable } from './descriptor-table.js';
import type { DriverRing, RingBuffer, UsedChain } from './driver-ring.js';
import { eventPassed } from './event-passed.js';
import { NumberQueue } from './number-queue.js';
import { type RingOptions, setupOf } from './ring-options.js';
import { placeRing, type RingPlace } from './ring-place.js';
import { SplitFields } from './split-fields.js';
import { writeTable } from './write-table.js';

const WRAP = 0xffff;

export class SplitRing implements DriverRing {
  readonly format = 'split';
  readonly size: number;
  readonly place: RingPlace;
  readonly fields: SplitFields;
  readonly #options: RingOptions;
  readonly #memory: GuestMemory;
  readonly #eventIdx: boolean;
  readonly #unused: NumberQueue;
  /** The descriptors of each chain with the device, by head. */
  readonly #chains = new Map<number, readonly number[]>();
  #available: number;
  #asked: number;
  #used: number;

  constructor(memory: GuestMemory, options: RingOptions) {
    const { size, base, features, position = 0 } = options;
    this.#options = options;
    this.#memory = memory;
    this.size = size;
    this.place = placeRing('split', size, base);
    memory.fill(base, this.place.end - base, 0);
    this.fields = new SplitFields(memory, size, this.place);
    this.#eventIdx = (features & Feature.eventIdx) !== 0n;
    this.#unused = new NumberQueue(size);
    this.#available = this.#asked = this.#used = position;
    this.fields.availIdx = this.fields.usedIdx = this.fields.usedEvent = position;
  }

  get descriptors(): DescriptorTable {
    return this.fields.descriptors;
  }

  get setup(): QueueSetup {
    return setupOf(this.#options, this.place, { available: this.#used, used: this.#used });
  }

  get free(): number {
    return this.#unused.length;
  }

  get position(): number {
    return this.#available;
  }

  add(buffers: readonly RingBuffer[], table?: number): number {
    const chain = this.#take(table === undefined ? buffers.length : 1);
    const head = chain[0]!;
    if (table === undefined) for (const [i, buffer] of buffers.entries()) this.#describe(chain, i, buffer);
    else this.descriptors.set(head, writeTable('split', this.#memory, table, buffers));
    this.#chains.set(head, chain);
    this.makeAvailable(head);
    return head;
  }

  /** Puts a head into the available ring, right or wrong. */
  makeAvailable(head: number): void {
    this.fields.setAvailEntry(this.#available, head);
    this.#available = (this.#available + 1) & WRAP;
  }

  publish(): void {
    this.fields.availIdx = this.#available;
  }

  needsKick(): boolean {
    const before = this.#asked;
    this.#asked = this.#available;
    if (this.#eventIdx) return eventPassed(this.fields.availEvent, before, this.#available);
    return (this.fields.usedFlags & USED_NO_NOTIFY) === 0;
  }

  takeUsed(): UsedChain | null {
    if (this.fields.usedIdx === this.#used) return null;
    const { id, length } = this.fields.usedEntry(this.#used);
    const chain = this.#chains.get(id);
    if (chain === undefined) throw new Error(`the device used chain ${id}, which it does not have`);
    this.#chains.delete(id);
    for (const descriptor of chain) this.#unused.give(descriptor);
    this.#used = (this.#used + 1) & WRAP;
    return { id, written: length };
  }

  setCalls(wanted: boolean): void {
    // With EVENT_IDX the flag stays 0 (2.7.7.1): an entry that was used long ago is passed last.
    if (this.#eventIdx) this.fields.usedEvent = (this.#used - (wanted ? 0 : 1)) & WRAP;
    else this.fields.availFlags = wanted ? 0 : AVAIL_NO_INTERRUPT;
  }

  callAfter(entries: number): void {
    this.fields.usedEvent = (this.#used + entries - 1) & WRAP;
  }

  #take(count: number): number[] {
    if (count > this.free) throw new Error(`${count} descriptors asked for, ${this.free} left`);
    return Array.from({ length: count }, () => this.#unused.take());
  }

  #describe(chain: readonly number[], position: number, { gpa, length, writable }: RingBuffer): void {
    const next = chain[position + 1];
    const flags = (writable ? DescriptorFlag.write : 0) | (next === undefined ? 0 : DescriptorFlag.next);
    const fields: DescriptorFields = { address: gpa, length, flags, next: next ?? 0 };
    this.descriptors.set(chain[position]!, fields);
  }
}
