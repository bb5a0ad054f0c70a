/** A driver put straight onto a device that has started already, for requests that are answered one by one. */
import { GuestMemory } from 'ioregion/memory';
import { DeviceTransport, MockDriver, type Segment, type Used } from 'ioregion/testing';
import { Feature, type QueueEngine, type VirtioDevice } from 'ioregion/virtio';

export type { Segment } from 'ioregion/testing';

const MEMORY_BYTES = 0x1000000;

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

export class DirectDriver {
  readonly device: VirtioDevice;
  readonly memory: GuestMemory;
  readonly #features: bigint;
  readonly #driver: MockDriver<DeviceTransport>;

  constructor(device: VirtioDevice, { features = device.features, queueSize, memory }: DriverOptions = {}) {
    this.device = device;
    this.memory = memory ?? GuestMemory.create(MEMORY_BYTES);
    this.#features = features | Feature.version1;
    const options = queueSize === undefined ? {} : { queueSize };
    this.#driver = new MockDriver(new DeviceTransport(device, this.memory), this.memory, options);
    this.start();
  }

  get log(): string[] {
    const { log, resetReasons } = this.#driver.transport;
    return [...log, ...resetReasons];
  }

  get configChanges(): number {
    return this.#driver.configChanges;
  }

  start(): void {
    this.#driver.start({ features: this.#features });
  }

  engine(queue = 0): QueueEngine {
    return this.#driver.transport.engine(queue)!;
  }

  /** Chains not answered yet. */
  inFlight(queue = 0): number {
    return this.#driver.queue(queue).inFlight;
  }

  /** Makes a chain available without telling the device. */
  async add(segments: readonly Segment[], queue = 0): Promise<Answer> {
    return toAnswer(await this.#driver.queue(queue).add(segments).done);
  }

  /** Shows the device all chains added. */
  publish(queue = 0): void {
    this.#driver.queue(queue).publish();
  }

  /** Shows the device all chains added, and kicks it, whether it wants that or not. */
  kick(queue = 0): void {
    this.publish(queue);
    void this.device.kick(queue);
  }

  /** One chain: made available and kicked. */
  async send(segments: readonly Segment[], queue = 0): Promise<Answer> {
    const answer = this.add(segments, queue);
    this.kick(queue);
    return await answer;
  }

  async stop(): Promise<void> {
    for (const queue of this.device.queueSizes.keys()) await this.#driver.resetQueue(queue);
  }

  async reset(): Promise<void> {
    await this.#driver.reset();
  }

  async close(): Promise<void> {
    await this.reset();
    await this.device.close?.();
    this.memory.close();
  }
}

function toAnswer({ written, room }: Used): Answer {
  return { written, data: room };
}
