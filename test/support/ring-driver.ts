/**
 * A driver put straight onto a device, without transport and runner: chains may stay with the device for as long as it
 * likes, and it kicks as drivers do: where the device wants it.
 */
import { GuestMemory } from 'ioregion/memory';
import { DeviceTransport, MockDriver, type MockQueue, SplitRing } from 'ioregion/testing';
import { Feature, type QueueEngine, type VirtioDevice } from 'ioregion/virtio';

export type { MockQueue, Segment, Sent, Used } from 'ioregion/testing';

const MEMORY_BYTES = 1 << 30;
/** Of a ring and its buffers. */
const QUEUE_BYTES = 1 << 25;

export interface RingDriverOptions {
  /** Device features to accept. Default all. VERSION_1 is added. */
  readonly features?: bigint;
  readonly legacy?: boolean;
  readonly queueSize?: number;
}

export class RingDriver<Device extends VirtioDevice = VirtioDevice> extends MockDriver<DeviceTransport<Device>> {
  readonly device: Device;
  #options: RingDriverOptions;

  constructor(device: Device, options: RingDriverOptions = {}) {
    const memory = GuestMemory.create(MEMORY_BYTES);
    const queueSize = options.queueSize === undefined ? {} : { queueSize: options.queueSize };
    super(new DeviceTransport(device, memory), memory, { queueBytes: QUEUE_BYTES, ...queueSize });
    this.device = device;
    this.#options = options;
  }

  get log(): string[] {
    return this.transport.log;
  }

  /** Why the device needs a reset. */
  get resetReasons(): string[] {
    return this.transport.resetReasons;
  }

  /** DRIVER_OK; again after a reset, maybe with other features. */
  override start(options: RingDriverOptions = this.#options): void {
    this.#options = options;
    const { legacy = false, features = this.device.features } = options;
    super.start({ features: features | (legacy ? 0n : Feature.version1) });
  }

  engine(index = 0): QueueEngine {
    return this.transport.engine(index)!;
  }

  stopQueue(index: number): Promise<void> {
    return this.resetQueue(index);
  }

  ring(index: number): MockQueue {
    return this.queue(index);
  }

  /** Makes a head available that may be in no chain. */
  makeAvailable(index: number, head: number): void {
    const { ring } = this.queue(index);
    if (ring instanceof SplitRing) ring.makeAvailable(head);
  }

  async close(): Promise<void> {
    await this.reset();
    await this.device.close?.();
    this.memory.close();
  }
}
