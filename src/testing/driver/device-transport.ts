/** A driver put straight onto a device: no transport and no runner, for what a device does by itself. */
import type { GuestMemory } from '../../memory/index.js';
import {
  createQueue,
  type DeviceHost,
  Feature,
  type QueueEngine,
  type QueueSetup,
  RING_FEATURES,
  type VirtioDevice,
} from '../../virtio/index.js';
import { type DriverTransport, NO_EVENTS } from './driver-transport.js';

export class DeviceTransport<Device extends VirtioDevice = VirtioDevice> implements DriverTransport {
  events = NO_EVENTS;
  readonly device: Device;
  /** What the device had to say. */
  readonly log: string[] = [];
  /** Why the device needs a reset. */
  readonly resetReasons: string[] = [];
  readonly #memory: GuestMemory;
  readonly #engines: (QueueEngine | undefined)[] = [];
  #features = 0n;
  #enabled: QueueSetup[] = [];
  #live = false;

  constructor(device: Device, memory: GuestMemory) {
    this.device = device;
    this.#memory = memory;
  }

  get offered(): bigint {
    return this.device.features | RING_FEATURES | Feature.version1;
  }

  get queueSizes(): readonly number[] {
    return this.device.queueSizes;
  }

  get needsReset(): boolean {
    return this.resetReasons.length > 0;
  }

  /** Takes whatever the driver accepts, VERSION_1 or not: refusing is a transport's work. */
  negotiate(features: bigint): boolean {
    this.#features = features;
    this.#enabled = [];
    return true;
  }

  enableQueue(setup: QueueSetup): void {
    if (this.#live) this.#startQueue(setup);
    else this.#enabled.push(setup);
  }

  driverOk(): void {
    this.#live = true;
    this.device.activate?.(this.#features, this.#host);
    for (const setup of this.#enabled) this.#startQueue(setup);
  }

  /** Undefined while the queue does not run. */
  engine(queue: number): QueueEngine | undefined {
    return this.#engines[queue];
  }

  kick(queue: number): void {
    void this.device.kick(queue);
  }

  async resetQueue(queue: number): Promise<void> {
    await this.device.stopQueue(queue);
    this.#engines[queue]?.stop();
    this.#engines[queue] = undefined;
  }

  async reset(): Promise<void> {
    for (const index of this.#engines.keys()) await this.resetQueue(index);
    this.#live = false;
    this.resetReasons.length = 0;
    await this.device.reset?.();
  }

  #startQueue(setup: QueueSetup): void {
    const { index } = setup;
    const engine = createQueue(setup, this.#memory, {
      call: () => this.events.called(index),
      roomAvailable: () => this.#kickLater(index),
      failed: (error) => this.resetReasons.push(error.message),
    });
    this.#engines[index] = engine;
    this.device.startQueue(index, engine);
    this.kick(index);
  }

  #kickLater(index: number): void {
    setImmediate(() => {
      if (this.#engines[index] !== undefined) this.kick(index);
    });
  }

  get #host(): DeviceHost {
    return {
      memory: this.#memory,
      configChanged: () => this.events.configChanged(),
      needsReset: (reason) => this.resetReasons.push(reason),
      kickLater: (index) => this.#kickLater(index),
      log: (message) => this.log.push(message),
    };
  }
}
