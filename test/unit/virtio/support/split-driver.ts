/** The driver's side of one split queue where a PciDriver puts it: enough to make chains available and to see them used. */
import type { GuestMemory } from 'ioregion/memory';
import { type RingPlace, SplitFields } from 'ioregion/testing';
import type { QueueSetup } from '#dist/src/virtio/queue/index.js';
import { DescriptorFlag, Feature } from '#dist/src/virtio/spec/index.js';

const QUEUE_BYTES = 0x4000;
const BUFFER_BYTES = 64;

export class SplitDriver {
  readonly index: number;
  readonly size: number;
  readonly #memory: GuestMemory;
  readonly #place: RingPlace;
  readonly #ring: SplitFields;

  /** Queue n has its areas from gpa 0x10000 + n * 0x4000 on, and its buffers behind them. */
  constructor(memory: GuestMemory, index = 0, size = 8) {
    const base = 0x10000 + index * QUEUE_BYTES;
    this.#memory = memory;
    this.index = index;
    this.size = size;
    memory.fill(base, QUEUE_BYTES, 0);
    this.#place = { descriptors: base, driverArea: base + 0x1000, deviceArea: base + 0x2000, end: base + 0x3000 };
    this.#ring = new SplitFields(memory, size, this.#place);
  }

  get areas(): Pick<QueueSetup, 'descriptors' | 'driverArea' | 'deviceArea'> {
    const { descriptors, driverArea, deviceArea } = this.#place;
    return { descriptors: BigInt(descriptors), driverArea: BigInt(driverArea), deviceArea: BigInt(deviceArea) };
  }

  get setup(): QueueSetup {
    return { index: this.index, size: this.size, features: Feature.version1, ...this.areas };
  }

  /** A chain of one readable buffer with `bytes` and one writable buffer. At most half as many in flight as descriptors. */
  send(bytes: Uint8Array): void {
    const { descriptors, availIdx } = this.#ring;
    const slot = availIdx % (this.size / 2);
    const head = 2 * slot;
    const buffer = this.#buffer(slot);
    this.#memory.write(buffer, bytes);
    descriptors.set(head, { address: buffer, length: bytes.length, flags: DescriptorFlag.next, next: head + 1 });
    descriptors.set(head + 1, { address: buffer + BUFFER_BYTES, length: BUFFER_BYTES, flags: DescriptorFlag.write });
    this.#makeAvailable(head);
  }

  /** An available entry that names no descriptor. */
  sendNonsense(): void {
    this.#makeAvailable(0xffff);
  }

  get usedIndex(): number {
    return this.#ring.usedIdx;
  }

  /** What the device wrote into the chain that was used as number `index`. */
  answer(index: number): Uint8Array {
    const { id, length } = this.#ring.usedEntry(index);
    return this.#memory.read(this.#buffer(id / 2) + BUFFER_BYTES, length);
  }

  #buffer(slot: number): number {
    return this.#place.end + 2 * BUFFER_BYTES * slot;
  }

  #makeAvailable(head: number): void {
    const { availIdx } = this.#ring;
    this.#ring.setAvailEntry(availIdx, head);
    this.#ring.availIdx = (availIdx + 1) & 0xffff;
  }
}
