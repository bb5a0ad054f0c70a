/** A driver that reads blocks: chains made once, a few words changed for each request. */
import type { GuestMemory } from '../../src/memory/index.js';
import type { QueueSetup } from '../../src/virtio/index.js';
import { BlockRequestType, BlockStatus, Feature, SECTOR_BYTES } from '../../src/virtio/index.js';
import { BLOCK_BYTES, BLOCK_WORDS } from './image.js';

/** Where everything lies: one region of guest memory from 0. */
const DESCRIPTORS = 0;
const DRIVER_AREA = 0x4000;
const DEVICE_AREA = 0x5000;
const HEADERS = 0x8000;
const DATA = 0x100000;
export const MEMORY_BYTES = 0x200000;
const QUEUE_SIZE = 256;
export const MAX_DEPTH = QUEUE_SIZE / 4;

const HEADER_BYTES = 16;
const STATUS_AT = HEADER_BYTES;
const HEADER_STRIDE = 32;
const DESCRIPTORS_PER_CHAIN = 3;
const NEXT = 1;
const WRITE = 2;
const SECTORS_PER_BLOCK = BLOCK_BYTES / SECTOR_BYTES;

export class ReadDriver {
  readonly setup: QueueSetup;
  readonly #bytes: Uint8Array;
  readonly #halves: Uint16Array;
  readonly #words: Uint32Array;
  readonly #wanted: Uint32Array;
  #available = 0;
  #used = 0;
  /** Requests whose status or data were wrong. */
  wrong = 0;

  constructor(memory: GuestMemory, features: bigint, depth: number) {
    const { buffer } = memory.regions[0]!.mapping;
    this.#bytes = new Uint8Array(buffer, 0, MEMORY_BYTES);
    this.#halves = new Uint16Array(buffer, 0, MEMORY_BYTES / 2);
    this.#words = new Uint32Array(buffer, 0, MEMORY_BYTES / 4);
    this.#wanted = new Uint32Array(depth);
    for (let request = 0; request < depth; request++) this.#makeChain(request);
    const areas = {
      descriptors: BigInt(DESCRIPTORS),
      driverArea: BigInt(DRIVER_AREA),
      deviceArea: BigInt(DEVICE_AREA),
    };
    this.setup = { index: 0, size: QUEUE_SIZE, features: features | Feature.version1, ...areas };
  }

  #makeChain(request: number): void {
    const head = request * DESCRIPTORS_PER_CHAIN;
    const header = HEADERS + request * HEADER_STRIDE;
    this.#setDescriptor(head, header, HEADER_BYTES, NEXT);
    this.#setDescriptor(head + 1, DATA + request * BLOCK_BYTES, BLOCK_BYTES, NEXT | WRITE);
    this.#setDescriptor(head + 2, header + STATUS_AT, 1, WRITE);
    this.#words[header / 4] = BlockRequestType.in;
  }

  #setDescriptor(index: number, address: number, length: number, flags: number): void {
    const at = DESCRIPTORS + index * 16;
    this.#words[at / 4] = address;
    this.#words[at / 4 + 2] = length;
    this.#halves[at / 2 + 6] = flags;
    this.#halves[at / 2 + 7] = (flags & NEXT) === 0 ? 0 : index + 1;
  }

  /** Makes request number `request` available, as a read of `block`. */
  read(request: number, block: number): void {
    const header = HEADERS + request * HEADER_STRIDE;
    this.#wanted[request] = block;
    this.#words[header / 4 + 2] = block * SECTORS_PER_BLOCK;
    this.#bytes[header + STATUS_AT] = 0xff;
    this.#halves[DRIVER_AREA / 2 + 2 + (this.#available % QUEUE_SIZE)] = request * DESCRIPTORS_PER_CHAIN;
    this.#available = (this.#available + 1) & 0xffff;
  }

  /** Lets the device see what has been made available. */
  publish(): void {
    Atomics.store(this.#halves, DRIVER_AREA / 2 + 1, this.#available);
  }

  /** Takes what has been used, and checks status and the first and last word of the data; returns how many there were. */
  collect(): number {
    const index = Atomics.load(this.#halves, DEVICE_AREA / 2 + 1);
    let count = 0;
    for (; this.#used !== index; this.#used = (this.#used + 1) & 0xffff) {
      const head = this.#words[DEVICE_AREA / 4 + 1 + 2 * (this.#used % QUEUE_SIZE)]!;
      this.#check(head / DESCRIPTORS_PER_CHAIN);
      count++;
    }
    return count;
  }

  #check(request: number): void {
    const status = this.#bytes[HEADERS + request * HEADER_STRIDE + STATUS_AT];
    const data = (DATA + request * BLOCK_BYTES) / 4;
    const block = this.#wanted[request];
    if (status === BlockStatus.ok && this.#words[data] === block && this.#words[data + BLOCK_WORDS - 1] === block)
      return;
    this.wrong++;
  }

  /** Whether every word of a request's data is `block`. */
  hasBlock(request: number, block: number): boolean {
    const data = (DATA + request * BLOCK_BYTES) / 4;
    return this.#words.subarray(data, data + BLOCK_WORDS).every((word) => word === block);
  }
}
