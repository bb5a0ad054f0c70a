/** Every field of a split ring (2.7), to be read and written at will. */
import type { GuestMemory } from '../../memory/index.js';
import { AvailRing, UsedRing } from '../../virtio/index.js';
import { DescriptorTable } from './descriptor-table.js';
import type { RingPlace } from './ring-place.js';

const FLAGS = 0;
const IDX = 1;
const ENTRIES = 2;
/** Elements of 16 bits in an entry of the used ring. */
const USED_ENTRY = UsedRing.entrySize / 2;

/** Indices and flags are ordered accesses, with a full fence: the device may look from another thread. */
export class SplitFields {
  readonly descriptors: DescriptorTable;
  readonly #size: number;
  readonly #driver: Uint16Array;
  readonly #device: Uint16Array;

  constructor(memory: GuestMemory, size: number, place: RingPlace) {
    this.descriptors = new DescriptorTable('split', memory, place.descriptors);
    this.#size = size;
    this.#driver = halves(memory, place.driverArea, AvailRing.fixedSize + AvailRing.entrySize * size);
    this.#device = halves(memory, place.deviceArea, UsedRing.fixedSize + UsedRing.entrySize * size);
  }

  get availFlags(): number {
    return Atomics.load(this.#driver, FLAGS);
  }

  set availFlags(flags: number) {
    Atomics.store(this.#driver, FLAGS, flags);
  }

  get availIdx(): number {
    return Atomics.load(this.#driver, IDX);
  }

  set availIdx(idx: number) {
    Atomics.store(this.#driver, IDX, idx);
  }

  /** `at` is taken modulo the size. */
  availEntry(at: number): number {
    return this.#driver[ENTRIES + (at % this.#size)]!;
  }

  setAvailEntry(at: number, head: number): void {
    this.#driver[ENTRIES + (at % this.#size)] = head;
  }

  get usedEvent(): number {
    return Atomics.load(this.#driver, ENTRIES + this.#size);
  }

  set usedEvent(idx: number) {
    Atomics.store(this.#driver, ENTRIES + this.#size, idx);
  }

  get usedFlags(): number {
    return Atomics.load(this.#device, FLAGS);
  }

  set usedFlags(flags: number) {
    Atomics.store(this.#device, FLAGS, flags);
  }

  get usedIdx(): number {
    return Atomics.load(this.#device, IDX);
  }

  set usedIdx(idx: number) {
    Atomics.store(this.#device, IDX, idx);
  }

  /** `at` is taken modulo the size. */
  usedEntry(at: number): { id: number; length: number } {
    const entry = ENTRIES + USED_ENTRY * (at % this.#size);
    const word = (half: number) => this.#device[entry + half]! + 0x10000 * this.#device[entry + half + 1]!;
    return { id: word(0), length: word(2) };
  }

  get availEvent(): number {
    return Atomics.load(this.#device, ENTRIES + USED_ENTRY * this.#size);
  }

  set availEvent(idx: number) {
    Atomics.store(this.#device, ENTRIES + USED_ENTRY * this.#size, idx);
  }
}

function halves(memory: GuestMemory, gpa: number, bytes: number): Uint16Array {
  const region = memory.regionAt(gpa, bytes);
  return new Uint16Array(region.mapping.buffer, gpa - region.gpa, bytes / 2);
}
