/** A driver for any device over any transport: negotiates, makes rings, sends chains; and does wrong what it is told to. */
import type { GuestMemory } from '../../memory/index.js';
import { Feature } from '../../virtio/index.js';
import type { DriverTransport } from './driver-transport.js';
import { MockQueue } from './mock-queue.js';

export interface MockDriverOptions {
  /** What of the device's offer to accept. Default: VERSION_1 only. */
  readonly features?: bigint;
  /** Default: the largest of each queue. */
  readonly queueSize?: number;
  /** Chains are put into indirect tables. Default false. */
  readonly indirect?: boolean;
  /** Bytes of guest memory for each queue and its buffers, from gpa 0 on. Default: all there is, shared out. */
  readonly queueBytes?: number;
  /** Where the rings begin, in 16 bits as in QueuePosition; for transports that can say so. Default: fresh rings. */
  readonly position?: number;
}

const ALIGNMENT = 64;

export class MockDriver<Transport extends DriverTransport = DriverTransport> {
  readonly transport: Transport;
  readonly memory: GuestMemory;
  configChanges = 0;
  /** What the device has agreed to. */
  acceptedFeatures = 0n;
  readonly #options: MockDriverOptions;
  #queues: (MockQueue | undefined)[] = [];

  constructor(transport: Transport, memory: GuestMemory, options: MockDriverOptions = {}) {
    this.transport = transport;
    this.memory = memory;
    this.#options = options;
    transport.events = {
      called: (queue) => this.#queues[queue]?.called(),
      configChanged: () => {
        this.configChanges++;
      },
    };
  }

  /** Initializes the device (3.1.1) with all its queues. Throws where it refuses the features. */
  start({ features = this.#options.features ?? Feature.version1 } = {}): void {
    if (!this.transport.negotiate(features)) throw new Error(`the device refuses features 0x${features.toString(16)}`);
    this.acceptedFeatures = features;
    for (const index of this.transport.queueSizes.keys()) this.startQueue(index);
    this.transport.driverOk();
  }

  /** A new ring for a queue, enabled: while the device starts, or after a reset of the queue. */
  startQueue(index: number): MockQueue {
    const queue = this.#createQueue(index);
    this.#queues[index] = queue;
    this.transport.enableQueue(queue.setup);
    return queue;
  }

  queue(index = 0): MockQueue {
    const queue = this.#queues[index];
    if (queue === undefined) throw new Error(`queue ${index} has not been started`);
    return queue;
  }

  /** Chains that are in flight never come back. */
  async resetQueue(index: number): Promise<void> {
    await this.transport.resetQueue(index);
    this.#queues[index] = undefined;
  }

  /** Resets the device; chains that are in flight never come back. `start` begins anew. */
  async reset(): Promise<void> {
    await this.transport.reset();
    this.#queues = [];
  }

  #createQueue(index: number): MockQueue {
    const { queueSize = Number.POSITIVE_INFINITY, indirect = false, position } = this.#options;
    const bytes = this.#queueBytes();
    return new MockQueue(this.memory, {
      index,
      size: Math.min(queueSize, this.transport.queueSizes[index]!),
      features: this.acceptedFeatures,
      base: index * bytes,
      end: (index + 1) * bytes,
      indirect,
      ...(position === undefined ? {} : { position }),
      kick: () => this.transport.kick(index, this.queue(index).ring.position),
    });
  }

  #queueBytes(): number {
    const { queueBytes = this.memory.regions[0]!.size / this.transport.queueSizes.length } = this.#options;
    return Math.floor(queueBytes / ALIGNMENT) * ALIGNMENT;
  }
}
