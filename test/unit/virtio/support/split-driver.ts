/** The driver's side of one split queue in guest memory: enough to make chains available and to see them used. */
import type { GuestMemory } from 'ioregion/memory';
import type { QueueSetup } from '#dist/src/virtio/queue/index.js';
import { Feature } from '#dist/src/virtio/spec/index.js';

const QUEUE_BYTES = 0x4000;
const BUFFER_BYTES = 64;

export class SplitDriver {
  readonly index: number;
  readonly size: number;
  readonly #memory: GuestMemory;
  readonly #base: number;
  #available = 0;

  /** Queue n has its areas from gpa 0x10000 + n * 0x4000 on, and its buffers behind them. */
  constructor(memory: GuestMemory, index = 0, size = 8) {
    this.#memory = memory;
    this.index = index;
    this.size = size;
    this.#base = 0x10000 + index * QUEUE_BYTES;
    memory.fill(this.#base, QUEUE_BYTES, 0);
  }

  get areas(): Pick<QueueSetup, 'descriptors' | 'driverArea' | 'deviceArea'> {
    const base = BigInt(this.#base);
    return { descriptors: base, driverArea: base + 0x1000n, deviceArea: base + 0x2000n };
  }

  get setup(): QueueSetup {
    return { index: this.index, size: this.size, features: Feature.version1, ...this.areas };
  }

  /** A chain of one readable buffer with `bytes` and one writable buffer. At most half as many in flight as descriptors. */
  send(bytes: Uint8Array): void {
    const slot = this.#available % (this.size / 2);
    const head = 2 * slot;
    const buffer = this.#buffer(slot);
    this.#memory.write(buffer, bytes);
    this.#describe(head, buffer, bytes.length, 1, head + 1);
    this.#describe(head + 1, buffer + BUFFER_BYTES, BUFFER_BYTES, 2, 0);
    this.#makeAvailable(head);
  }

  /** An available entry that names no descriptor. */
  sendNonsense(): void {
    this.#makeAvailable(0xffff);
  }

  get usedIndex(): number {
    return this.#memory.readU16(this.#base + 0x2000 + 2);
  }

  /** What the device wrote into the chain that was used as number `index`. */
  answer(index: number): Uint8Array {
    const entry = this.#base + 0x2000 + 4 + 8 * (index % this.size);
    const slot = this.#memory.readU32(entry) / 2;
    return this.#memory.read(this.#buffer(slot) + BUFFER_BYTES, this.#memory.readU32(entry + 4));
  }

  #buffer(slot: number): number {
    return this.#base + 0x3000 + 2 * BUFFER_BYTES * slot;
  }

  #makeAvailable(head: number): void {
    this.#memory.writeU16(this.#base + 0x1000 + 4 + 2 * (this.#available % this.size), head);
    this.#available = (this.#available + 1) & 0xffff;
    this.#memory.writeU16(this.#base + 0x1000 + 2, this.#available);
  }

  #describe(index: number, gpa: number, length: number, flags: number, next: number): void {
    const at = this.#base + 16 * index;
    this.#memory.writeU64(at, BigInt(gpa));
    this.#memory.writeU32(at + 8, length);
    this.#memory.writeU16(at + 12, flags);
    this.#memory.writeU16(at + 14, next);
  }
}
