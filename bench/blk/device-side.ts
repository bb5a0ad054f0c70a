/** The block device under test: driver, queue and device on this thread, as a virtio-pci function would run them. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GuestMemory } from '../../src/memory/index.js';
import { type FileIoEngine, native } from '../../src/native/index.js';
import { BlockDevice, createQueue, type DeviceHost } from '../../src/virtio/index.js';
import { BLOCKS } from './image.js';
import { RandomBlocks } from './random-blocks.js';
import { MEMORY_BYTES, ReadDriver } from './read-driver.js';

export class DeviceSide {
  readonly #memory = GuestMemory.create(MEMORY_BYTES);
  readonly #device: BlockDevice;
  readonly #driver: ReadDriver;
  readonly #depth: number;

  constructor(path: string, depth: number, engine: FileIoEngine) {
    this.#depth = depth;
    this.#device = BlockDevice.open({ path, engine });
    this.#driver = new ReadDriver(this.#memory, this.#device.features, depth);
    const queue = createQueue(this.#driver.setup, this.#memory, { call() {} });
    this.#device.activate(this.#driver.setup.features, this.#host());
    this.#device.startQueue(0, queue);
  }

  #host(): DeviceHost {
    return {
      memory: this.#memory,
      configChanged() {},
      needsReset(reason) {
        throw new Error(`the disk needs a reset: ${reason}`);
      },
      kickLater: (index) => setImmediate(() => this.#device.kick(index)),
      log: (message) => process.stderr.write(`${message}\n`),
    };
  }

  /** `uring` or `sync`. */
  get engine(): string {
    return this.#device.engineOf(0) ?? 'none';
  }

  /** Reads `requests` random blocks; nanoseconds it took. Throws where one of them was wrong. */
  async run(requests: number, seed: number): Promise<number> {
    const blocks = new RandomBlocks(BLOCKS, seed);
    const start = native.monotonicNs();
    for (let done = 0; done < requests; done += this.#depth) {
      const rest = this.#batch(blocks);
      if (rest !== undefined) await rest;
    }
    const elapsed = native.monotonicNs() - start;
    if (this.#driver.wrong > 0) throw new Error(`${this.#driver.wrong} reads were wrong`);
    return elapsed;
  }

  /** Nothing to wait for where the device answers inside the kick. */
  #batch(blocks: RandomBlocks): Promise<void> | undefined {
    for (let request = 0; request < this.#depth; request++) this.#driver.read(request, blocks.next());
    this.#driver.publish();
    this.#device.kick(0);
    const missing = this.#depth - this.#driver.collect();
    return missing > 0 ? this.#collectLater(missing) : undefined;
  }

  async #collectLater(missing: number): Promise<void> {
    for (let left = missing; left > 0; left -= this.#driver.collect()) await nextTurn();
  }

  /** Reads the whole disk once and compares every byte. */
  async verify(): Promise<void> {
    for (let block = 0; block < BLOCKS; block++) {
      this.#driver.read(0, block);
      this.#driver.publish();
      this.#device.kick(0);
      if (this.#driver.collect() === 0) await this.#collectLater(1);
      if (!this.#driver.hasBlock(0, block)) throw new Error(`block ${block} was read wrong`);
    }
  }

  async close(): Promise<void> {
    await this.#device.close();
    this.#memory.close();
  }
}
