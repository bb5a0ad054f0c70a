/** The driver of the benchmark, whose time is not measured: fills the ring, and checks what was used. */
import type { GuestMemory } from '../../src/memory/index.js';
import { Feature, type QueueSetup } from '../../src/virtio/index.js';
import {
  bufferAddress,
  chainsPerRound,
  DESCRIPTOR_BYTES,
  DESCRIPTORS,
  DEVICE_AREA,
  DRIVER_AREA,
  isWritten,
  lengthOf,
  MEMORY_BYTES,
  QUEUE_SIZE,
  tableAddress,
  writtenBytes,
} from './layout.js';
import type { Point } from './points.js';

export const DescFlag = { next: 1, write: 2, indirect: 4 } as const;

export abstract class Driver {
  readonly setup: QueueSetup;
  readonly chains: number;
  protected readonly point: Point;
  protected readonly halves: Uint16Array;
  protected readonly words: Uint32Array;
  protected readonly written: number;

  constructor(point: Point, memory: GuestMemory, features: bigint) {
    const { buffer } = memory.regions[0]!.mapping;
    this.point = point;
    this.halves = new Uint16Array(buffer, 0, MEMORY_BYTES / 2);
    this.words = new Uint32Array(buffer, 0, MEMORY_BYTES / 4);
    this.chains = chainsPerRound(point);
    this.written = writtenBytes(point);
    const areas = {
      descriptors: BigInt(DESCRIPTORS),
      driverArea: BigInt(DRIVER_AREA),
      deviceArea: BigInt(DEVICE_AREA),
    };
    const accepted = features | Feature.version1 | Feature.indirectDesc | Feature.eventIdx;
    this.setup = { index: 0, size: QUEUE_SIZE, features: accepted, ...areas };
    if (point.place === 'indirect') for (let chain = 0; chain < this.chains; chain++) this.#writeTable(chain);
  }

  /** Makes the chains of a round available, and asks for a call after the last. */
  abstract fill(): void;
  /** Throws where the device did not use them all, each as it was. */
  abstract collect(): void;
  /** The last word of an entry of an indirect table. */
  protected abstract entryControl(segment: number): number;

  #writeTable(chain: number): void {
    for (let i = 0; i < this.point.segments; i++) {
      const at = tableAddress(chain) + i * DESCRIPTOR_BYTES;
      this.writeDescriptor(at, bufferAddress(chain, i), lengthOf(this.point, i), this.entryControl(i));
    }
  }

  protected writeDescriptor(at: number, address: number, length: number, control: number): void {
    const word = at / 4;
    this.words[word] = address;
    this.words[word + 1] = 0;
    this.words[word + 2] = length;
    this.words[word + 3] = control;
  }

  protected get isIndirect(): boolean {
    return this.point.place === 'indirect';
  }

  protected isLast(segment: number): boolean {
    return segment + 1 === this.point.segments;
  }

  protected writeFlag(segment: number): number {
    return isWritten(this.point, segment) ? DescFlag.write : 0;
  }

  protected check(chain: number, id: number, wanted: number, length: number): void {
    if (id !== wanted || length !== this.written) throw new Error(`chain ${chain}: used id ${id}, length ${length}`);
  }
}
