/** Fills a split ring. */
import { AvailRing, UsedRing } from '../../src/virtio/index.js';
import { DescFlag, Driver } from './driver.js';
import {
  bufferAddress,
  DESCRIPTOR_BYTES,
  DESCRIPTORS,
  DEVICE_AREA,
  DRIVER_AREA,
  descriptorsPerChain,
  lengthOf,
  QUEUE_SIZE,
  tableAddress,
} from './layout.js';

const IDX = (DRIVER_AREA + AvailRing.idx) / 2;
const RING = (DRIVER_AREA + AvailRing.ring) / 2;
const USED_EVENT = RING + QUEUE_SIZE;
const USED_IDX = (DEVICE_AREA + UsedRing.idx) / 2;
const USED = (DEVICE_AREA + UsedRing.ring) / 4;

export class SplitDriver extends Driver {
  #available = 0;
  #used = 0;

  fill(): void {
    for (let chain = 0; chain < this.chains; chain++) {
      this.#writeChain(chain);
      this.halves[RING + (this.#available++ % QUEUE_SIZE)] = this.#headOf(chain);
    }
    this.halves[USED_EVENT] = this.#available - 1;
    Atomics.store(this.halves, IDX, this.#available & 0xffff);
  }

  #headOf(chain: number): number {
    return chain * descriptorsPerChain(this.point);
  }

  #writeChain(chain: number): void {
    const at = DESCRIPTORS + this.#headOf(chain) * DESCRIPTOR_BYTES;
    const { segments } = this.point;
    if (this.isIndirect) this.writeDescriptor(at, tableAddress(chain), segments * DESCRIPTOR_BYTES, DescFlag.indirect);
    else for (let i = 0; i < segments; i++) this.#writeSegment(at, chain, i);
  }

  #writeSegment(at: number, chain: number, segment: number): void {
    const next = this.isLast(segment) ? 0 : ((this.#headOf(chain) + segment + 1) << 16) | DescFlag.next;
    const control = this.writeFlag(segment) | next;
    const length = lengthOf(this.point, segment);
    this.writeDescriptor(at + segment * DESCRIPTOR_BYTES, bufferAddress(chain, segment), length, control);
  }

  protected entryControl(segment: number): number {
    return this.writeFlag(segment) | (this.isLast(segment) ? 0 : ((segment + 1) << 16) | DescFlag.next);
  }

  collect(): void {
    const idx = Atomics.load(this.halves, USED_IDX);
    if (idx !== (this.#available & 0xffff)) throw new Error(`used index ${idx}, not ${this.#available & 0xffff}`);
    for (let chain = 0; chain < this.chains; chain++) {
      const at = USED + 2 * (this.#used++ % QUEUE_SIZE);
      this.check(chain, this.words[at]!, this.#headOf(chain), this.words[at + 1]!);
    }
  }
}
