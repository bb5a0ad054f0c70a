/**
 * A driver with split rings, put straight onto a device: no transport and no runner. Descriptors and buffers come from a
 * pool, so that chains may stay with the device for as long as it likes. It kicks as drivers do: where the device wants it.
 */
import { GuestMemory } from 'ioregion/memory';
import { createQueue, type DeviceHost, Feature, type QueueEngine, type VirtioDevice } from 'ioregion/virtio';

const MEMORY_BYTES = 1 << 30;
/** Of a ring and its buffers. */
const QUEUE_BYTES = 1 << 25;
const DRIVER_AREA = 0x8000;
const DEVICE_AREA = 0xc000;
const FIRST_BUFFER = 0x20000;
const DESCRIPTOR_BYTES = 16;
/** Room for a packet of any size behind each descriptor. */
const BUFFER_BYTES = 0x11000;
const NEXT = 1;
const WRITE = 2;
const NO_NOTIFY = 1;

export type Segment = { readonly bytes: Uint8Array } | { readonly room: number };

/** A chain that the driver has made available. */
export interface Sent {
  readonly head: number;
  readonly segments: readonly Placed[];
  /** Set once the device has used it. */
  used: Used | undefined;
  readonly done: Promise<Used>;
}

export interface Used {
  /** Used length. */
  readonly written: number;
  /** The bytes that the device says it has written. */
  readonly data: Uint8Array;
}

/** A descriptor and its buffer. */
export interface Placed {
  readonly descriptor: number;
  readonly gpa: number;
  readonly length: number;
  readonly writable: boolean;
}

interface Flight {
  readonly sent: Sent;
  readonly resolve: (used: Used) => void;
}

interface RingHooks {
  kick(): void;
  failed(error: Error): void;
}

export class DriverRing {
  readonly engine: QueueEngine;
  /** Calls that the device has made. */
  calls = 0;
  readonly #memory: GuestMemory;
  readonly #kick: () => void;
  readonly #base: number;
  readonly #size: number;
  readonly #free: number[];
  readonly #flights = new Map<number, Flight>();
  #available = 0;
  #used = 0;

  constructor(index: number, size: number, features: bigint, memory: GuestMemory, hooks: RingHooks) {
    const { kick } = hooks;
    this.#memory = memory;
    this.#kick = kick;
    this.#size = size;
    this.#base = index * QUEUE_BYTES;
    this.#free = Array.from({ length: size }, (_, i) => size - 1 - i);
    memory.fill(this.#base, FIRST_BUFFER, 0);
    const [descriptors, driverArea, deviceArea] = [0, DRIVER_AREA, DEVICE_AREA].map((at) => BigInt(this.#base + at));
    this.engine = createQueue(
      { index, size, features, descriptors: descriptors!, driverArea: driverArea!, deviceArea: deviceArea! },
      memory,
      { call: () => this.#onCall(), roomAvailable: () => setImmediate(kick), failed: hooks.failed },
    );
  }

  /** Chains that the device has not used. */
  get inFlight(): number {
    return this.#flights.size;
  }

  get freeDescriptors(): number {
    return this.#free.length;
  }

  /** The device sees the chain after `publish`. */
  add(segments: readonly Segment[]): Sent {
    if (segments.length > this.#free.length) throw new Error('the ring has no descriptor left');
    const placed = segments.map((segment) => this.#place(segment));
    placed.forEach((segment, i) => {
      this.#writeDescriptor(segment, placed[i + 1]?.descriptor);
    });
    const head = placed[0]!.descriptor;
    let resolve: (used: Used) => void = () => {};
    const sent: Sent = {
      head,
      segments: placed,
      used: undefined,
      done: new Promise<Used>((settle) => (resolve = settle)),
    };
    this.#flights.set(head, { sent, resolve });
    this.makeAvailable(head);
    return sent;
  }

  /** Puts a head into the ring, right or wrong. */
  makeAvailable(head: number): void {
    this.#memory.writeU16(this.#base + DRIVER_AREA + 4 + 2 * (this.#available % this.#size), head);
    this.#available = (this.#available + 1) & 0xffff;
  }

  publish(): void {
    this.#memory.writeU16(this.#base + DRIVER_AREA + 2, this.#available);
  }

  /** Shows the device all chains added, and kicks it where it wants that. */
  kick(): void {
    this.publish();
    if ((this.#memory.readU16(this.#base + DEVICE_AREA) & NO_NOTIFY) === 0) this.#kick();
  }

  /** One chain: made available and kicked. */
  send(segments: readonly Segment[]): Promise<Used> {
    const { done } = this.add(segments);
    this.kick();
    return done;
  }

  /** Takes the used entries. */
  collect(): void {
    const index = this.#memory.readU16(this.#base + DEVICE_AREA + 2);
    for (; this.#used !== index; this.#used = (this.#used + 1) & 0xffff) {
      const at = this.#base + DEVICE_AREA + 4 + 8 * (this.#used % this.#size);
      this.#finish(this.#memory.readU32(at), this.#memory.readU32(at + 4));
    }
  }

  #onCall(): void {
    this.calls++;
    this.collect();
  }

  #place(segment: Segment): Placed {
    const descriptor = this.#free.pop()!;
    const gpa = this.#base + FIRST_BUFFER + descriptor * BUFFER_BYTES;
    if ('room' in segment) return { descriptor, gpa, length: segment.room, writable: true };
    this.#memory.write(gpa, segment.bytes);
    return { descriptor, gpa, length: segment.bytes.length, writable: false };
  }

  #writeDescriptor({ descriptor, gpa, length, writable }: Placed, next: number | undefined): void {
    const at = this.#base + descriptor * DESCRIPTOR_BYTES;
    this.#memory.writeU64(at, BigInt(gpa));
    this.#memory.writeU32(at + 8, length);
    this.#memory.writeU16(at + 12, (writable ? WRITE : 0) | (next === undefined ? 0 : NEXT));
    this.#memory.writeU16(at + 14, next ?? 0);
  }

  #finish(head: number, written: number): void {
    const { sent, resolve } = this.#flights.get(head)!;
    const { segments } = sent;
    this.#flights.delete(head);
    this.#free.push(...segments.map(({ descriptor }) => descriptor));
    const parts = segments.filter(({ writable }) => writable).map(({ gpa, length }) => this.#memory.read(gpa, length));
    sent.used = { written, data: Uint8Array.from(Buffer.concat(parts)).subarray(0, written) };
    resolve(sent.used);
  }
}

export interface RingDriverOptions {
  /** Device features to accept. Default all. VERSION_1 is added. */
  readonly features?: bigint;
  readonly legacy?: boolean;
  readonly queueSize?: number;
}

export class RingDriver<Device extends VirtioDevice = VirtioDevice> {
  readonly device: Device;
  readonly memory = GuestMemory.create(MEMORY_BYTES);
  readonly log: string[] = [];
  /** Why the device needs a reset. */
  readonly resetReasons: string[] = [];
  configChanges = 0;
  #rings: (DriverRing | undefined)[] = [];
  #options: RingDriverOptions;
  /** What the driver has accepted. */
  acceptedFeatures = 0n;

  constructor(device: Device, options: RingDriverOptions = {}) {
    this.device = device;
    this.#options = options;
  }

  /** DRIVER_OK; again after a reset, maybe with other features. */
  start(options: RingDriverOptions = this.#options): void {
    this.#options = options;
    const { legacy = false, features = this.device.features } = options;
    this.acceptedFeatures = features | (legacy ? 0n : Feature.version1);
    this.device.activate?.(this.acceptedFeatures, this.#host);
    for (const index of this.device.queueSizes.keys()) this.startQueue(index);
  }

  startQueue(index: number): void {
    const size = Math.min(this.#options.queueSize ?? this.device.queueSizes[index]!, this.device.queueSizes[index]!);
    const kick = () => void this.device.kick(index);
    const failed = (error: Error) => void this.resetReasons.push(error.message);
    const ring = new DriverRing(index, size, this.acceptedFeatures, this.memory, { kick, failed });
    this.#rings[index] = ring;
    this.device.startQueue(index, ring.engine);
    this.device.kick(index);
  }

  ring(index: number): DriverRing {
    return this.#rings[index]!;
  }

  async stopQueue(index: number): Promise<void> {
    await this.device.stopQueue(index);
    this.#rings[index]?.engine.stop();
    this.#rings[index] = undefined;
  }

  async reset(): Promise<void> {
    for (const index of this.#rings.keys()) await this.stopQueue(index);
    await this.device.reset?.();
  }

  async close(): Promise<void> {
    await this.reset();
    await this.device.close?.();
    this.memory.close();
  }

  readonly #host: DeviceHost = (() => {
    const driver = this;
    return {
      memory: this.memory,
      configChanged: () => {
        driver.configChanges++;
      },
      needsReset: (reason: string) => driver.resetReasons.push(reason),
      kickLater: (index: number) => setImmediate(() => driver.#rings[index] && driver.device.kick(index)),
      log: (message: string) => driver.log.push(message),
    };
  })();
}
