/** Fills a packed ring. */
import { Descriptor, DescriptorFlag, PackedDescriptor, RingEventFlags, RingPosition } from '../../src/virtio/index.js';
import { DescFlag, Driver } from './driver.js';
import {
  bufferAddress,
  DESCRIPTOR_BYTES,
  DESCRIPTORS,
  DRIVER_AREA,
  descriptorsPerChain,
  lengthOf,
  QUEUE_SIZE,
  tableAddress,
} from './layout.js';

const STATE = DescriptorFlag.avail | DescriptorFlag.used;
const EVENT = DRIVER_AREA / 4;

export class PackedDriver extends Driver {
  /** Offsets in the ring, and the state bits that an available and a used descriptor have there. */
  #available = 0;
  #availableState: number = DescriptorFlag.avail;
  #used = 0;
  #usedState = STATE;

  fill(): void {
    for (let chain = 0; chain < this.chains; chain++) {
      if (chain + 1 === this.chains) this.#askForCall();
      this.#writeChain(chain);
    }
  }

  /** At the next descriptor. */
  #askForCall(): void {
    const wrap = this.#availableState === DescriptorFlag.avail ? RingPosition.wrap : 0;
    Atomics.store(this.words, EVENT, this.#available | wrap | (RingEventFlags.desc << 16));
  }

  #writeChain(chain: number): void {
    const { segments } = this.point;
    if (this.isIndirect) this.#writeNext(tableAddress(chain), segments * DESCRIPTOR_BYTES, chain, DescFlag.indirect);
    else for (let i = 0; i < segments; i++) this.#writeSegment(chain, i);
  }

  #writeSegment(chain: number, segment: number): void {
    const flags = this.writeFlag(segment) | (this.isLast(segment) ? 0 : DescFlag.next);
    this.#writeNext(bufferAddress(chain, segment), lengthOf(this.point, segment), chain, flags);
  }

  #writeNext(address: number, length: number, id: number, flags: number): void {
    const at = DESCRIPTORS + this.#available * DESCRIPTOR_BYTES;
    this.writeDescriptor(at, address, length, id | ((flags | this.#availableState) << 16));
    if (++this.#available < QUEUE_SIZE) return;
    this.#available = 0;
    this.#availableState ^= STATE;
  }

  protected entryControl(segment: number): number {
    return this.writeFlag(segment) << 16;
  }

  collect(): void {
    for (let chain = 0; chain < this.chains; chain++) {
      const at = DESCRIPTORS + this.#used * DESCRIPTOR_BYTES;
      /* Halves: a word with the used bit is too large for a small integer, and would take an object. */
      const flags = Atomics.load(this.halves, (at + PackedDescriptor.flags) / 2);
      if ((flags & STATE) !== this.#usedState) throw new Error(`chain ${chain} is not used`);
      this.check(chain, this.halves[(at + PackedDescriptor.id) / 2]!, chain, this.words[(at + Descriptor.len) / 4]!);
      this.#advance();
    }
  }

  #advance(): void {
    this.#used += descriptorsPerChain(this.point);
    if (this.#used < QUEUE_SIZE) return;
    this.#used -= QUEUE_SIZE;
    this.#usedState ^= STATE;
  }
}
