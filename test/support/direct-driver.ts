/** A driver with split rings, put straight onto a device: no transport and no runner, for what a device does by itself. */
import { GuestMemory } from 'ioregion/memory';
import { createQueue, type DeviceHost, Feature, type QueueEngine, type VirtioDevice } from 'ioregion/virtio';

const RING_BYTES = 0x10000;
const FIRST_BUFFER = 0x100000;
const DESCRIPTOR_BYTES = 16;
const NEXT = 1;
const WRITE = 2;

export type Segment =
  | { readonly bytes: Uint8Array; readonly gpa?: number }
  | { readonly room: number; readonly gpa?: number };

export interface Answer {
  /** Used length. */
  readonly written: number;
  /** All writable segments, one after the other. */
  readonly data: Uint8Array;
}

export interface DriverOptions {
  readonly features?: bigint;
  readonly queueSize?: number;
  readonly memory?: GuestMemory;
}

interface Sent {
  readonly segments: readonly { gpa: number; length: number; writable: boolean }[];
  readonly resolve: (answer: Answer) => void;
}

/** One ring: descriptors are handed out in order, and free again when everything has been answered. */
class DriverRing {
  readonly engine: QueueEngine;
  readonly #memory: GuestMemory;
  readonly #base: number;
  readonly #size: number;
  readonly #sent = new Map<number, Sent>();
  readonly #firstBuffer: number;
  #buffers: number;
  #nextDescriptor = 0;
  #available = 0;
  #used = 0;

  constructor(index: number, size: number, features: bigint, memory: GuestMemory, hooks: { kickLater(): void }) {
    this.#memory = memory;
    this.#size = size;
    this.#base = index * RING_BYTES;
    this.#firstBuffer = FIRST_BUFFER * (index + 1);
    this.#buffers = this.#firstBuffer;
    const [descriptors, driverArea, deviceArea] = [0, 0x8000, 0xc000].map((offset) => BigInt(this.#base + offset));
    this.engine = createQueue(
      { index, size, features, descriptors: descriptors!, driverArea: driverArea!, deviceArea: deviceArea! },
      memory,
      { call: () => this.collect(), roomAvailable: () => hooks.kickLater() },
    );
  }
  get inFlight(): number {
    return this.#sent.size;
  }

  /** The device sees the chain after `publish`. */
  add(segments: readonly Segment[], resolve: (answer: Answer) => void): void {
    if (this.#sent.size === 0) {
      this.#nextDescriptor = 0;
      this.#buffers = this.#firstBuffer;
    }
    const head = this.#nextDescriptor;
    const placed = segments.map((segment) => this.#place(segment));
    placed.forEach(({ gpa, length, writable }, i) => {
      const at = this.#base + (head + i) * DESCRIPTOR_BYTES;
      const last = i === placed.length - 1;
      this.#memory.writeU64(at, BigInt(gpa));
      this.#memory.writeU32(at + 8, length);
      this.#memory.writeU16(at + 12, (writable ? WRITE : 0) | (last ? 0 : NEXT));
      this.#memory.writeU16(at + 14, last ? 0 : head + i + 1);
    });
    this.#nextDescriptor += placed.length;
    if (this.#nextDescriptor > this.#size) throw new Error('the ring has no descriptor left');
    this.#sent.set(head, { segments: placed, resolve });
    this.#memory.writeU16(this.#base + 0x8004 + 2 * (this.#available++ % this.#size), head);
  }

  #place(segment: Segment) {
    const writable = 'room' in segment;
    const length = writable ? segment.room : segment.bytes.length;
    const gpa = segment.gpa ?? this.#buffers;
    if (segment.gpa === undefined) this.#buffers += length;
    if (!writable) this.#memory.write(gpa, segment.bytes);
    return { gpa, length, writable };
  }

  publish(): void {
    this.#memory.writeU16(this.#base + 0x8002, this.#available & 0xffff);
  }

  /** Takes the used entries. */
  collect(): void {
    const index = this.#memory.readU16(this.#base + 0xc002);
    for (; this.#used !== index; this.#used = (this.#used + 1) & 0xffff) {
      const at = this.#base + 0xc004 + 8 * (this.#used % this.#size);
      this.#answer(this.#memory.readU32(at), this.#memory.readU32(at + 4));
    }
  }

  #answer(head: number, written: number): void {
    const { segments, resolve } = this.#sent.get(head)!;
    this.#sent.delete(head);
    const parts = segments.filter(({ writable }) => writable).map(({ gpa, length }) => this.#memory.read(gpa, length));
    resolve({ written, data: Uint8Array.from(Buffer.concat(parts)) });
  }
}

export class DirectDriver {
  readonly device: VirtioDevice;
  readonly memory: GuestMemory;
  readonly log: string[] = [];
  configChanges = 0;
  #rings: DriverRing[] = [];
  readonly #features: bigint;
  readonly #queueSize: number | undefined;

  constructor(device: VirtioDevice, { features = device.features, queueSize, memory }: DriverOptions = {}) {
    this.device = device;
    this.memory = memory ?? GuestMemory.create(0x1000000);
    this.#features = features | Feature.version1;
    this.#queueSize = queueSize;
    this.start();
  }

  start(): void {
    const kickLater = (index: number) => setImmediate(() => this.device.kick(index));
    const host: DeviceHost = {
      memory: this.memory,
      configChanged: () => this.configChanges++,
      needsReset: (reason) => this.log.push(reason),
      kickLater,
      log: (message) => this.log.push(message),
    };
    this.device.activate?.(this.#features, host);
    this.#rings = this.device.queueSizes.map((max, index) => {
      const size = this.#queueSize ?? max;
      const ring = new DriverRing(index, size, this.#features, this.memory, { kickLater: () => kickLater(index) });
      this.device.startQueue(index, ring.engine);
      return ring;
    });
  }

  engine(queue = 0): QueueEngine {
    return this.#rings[queue]!.engine;
  }

  /** Chains not answered yet. */
  inFlight(queue = 0): number {
    return this.#rings[queue]!.inFlight;
  }

  /** Makes a chain available without telling the device. */
  add(segments: readonly Segment[], queue = 0): Promise<Answer> {
    return new Promise((resolve) => this.#rings[queue]!.add(segments, resolve));
  }

  /** Shows the device all chains added. */
  publish(queue = 0): void {
    this.#rings[queue]!.publish();
  }

  /** Shows the device all chains added, and kicks it. */
  kick(queue = 0): void {
    this.publish(queue);
    this.device.kick(queue);
  }

  /** One chain: made available and kicked. */
  async send(segments: readonly Segment[], queue = 0): Promise<Answer> {
    const answer = this.add(segments, queue);
    this.kick(queue);
    return await answer;
  }

  async stop(): Promise<void> {
    for (const [index, ring] of this.#rings.entries()) {
      await this.device.stopQueue(index);
      ring.engine.stop();
    }
    this.#rings = [];
  }

  async reset(): Promise<void> {
    await this.stop();
    await this.device.reset?.();
  }

  async close(): Promise<void> {
    await this.reset();
    await this.device.close?.();
    this.memory.close();
  }
}
