/** The virtio block device (virtio 5.2). */
import type { DeviceHost, VirtioDevice } from '../../device.js';
import type { VirtQueue } from '../../queue/index.js';
import { DeviceType } from '../../spec/index.js';
import { BlockConfig } from './config.js';
import { type BlockCounters, Disk } from './disk.js';
import { BlockOptionError } from './errors.js';
import { negotiate, offeredFeatures } from './features.js';
import { Image } from './image.js';
import { type BlockDeviceOptions, type CheckedOptions, checkOptions } from './options.js';
import { ID_BYTES } from './request.js';
import { RequestQueue } from './request-queue.js';

/** Ranges of one discard or write-zeroes request. */
const MAX_RANGES = 16;
const MAX_DISCARD_SECTORS = 2 ** 21;
/** Less than for discard: where the file system has no zeroes to give, they are written. */
const MAX_WRITE_ZEROES_SECTORS = 2 ** 16;
/** Of one system call; longer requests take several. */
const MAX_SEGMENTS_PER_CALL = 128;

export class BlockDevice implements VirtioDevice {
  readonly deviceType = DeviceType.block;
  readonly features: bigint;
  readonly queueSizes: readonly number[];
  readonly config: BlockConfig;
  readonly #options: CheckedOptions;
  readonly #disk: Disk;
  readonly #queues: (RequestQueue | undefined)[] = [];
  #host: DeviceHost | undefined;

  private constructor(options: CheckedOptions, image: Image) {
    this.#options = options;
    this.features = offeredFeatures(options);
    this.queueSizes = Array<number>(options.queues).fill(options.queueSize);
    this.config = makeConfig(options, image);
    this.#disk = makeDisk(options, image, this.config);
  }

  /**
   * Opens and locks the image. BlockOptionError, BlockImageError, or FileInUseError where another disk has the image.
   */
  static open(options: BlockDeviceOptions): BlockDevice {
    const checked = checkOptions(options);
    const image = Image.open(checked);
    try {
      return new BlockDevice(checked, image);
    } catch (error) {
      image.close();
      throw error;
    }
  }

  /** Requests so far. */
  get counters(): Readonly<BlockCounters> {
    return this.#disk.counters;
  }

  /** How requests of a running queue reach the kernel; undefined where it does not run. */
  engineOf(index: number): string | undefined {
    return this.#queues[index]?.engine;
  }

  activate(driverFeatures: bigint, host: DeviceHost): void {
    const negotiated = negotiate(driverFeatures);
    this.#host = host;
    this.#disk.log = (message) => host.log(message);
    this.#disk.negotiated = negotiated;
    this.config.writebackWritable = negotiated.configWce;
    if (negotiated.startsWritethrough) this.config.writeback = false;
  }

  startQueue(index: number, queue: VirtQueue): void {
    if (this.#disk.image.lock()) this.updateCapacity();
    const { engine, segMax } = this.#options;
    const segmentsPerSlot = Math.min(segMax, MAX_SEGMENTS_PER_CALL);
    this.#queues[index] = new RequestQueue(queue, this.#disk, this.#host!, { segmentsPerSlot, engine });
  }

  kick(index: number): void {
    this.#queues[index]?.kick();
  }

  async stopQueue(index: number): Promise<void> {
    await this.#queues[index]?.stop();
    this.#queues[index] = undefined;
  }

  /** The driver finds the cache mode the device was made with. */
  reset(): void {
    this.#host = undefined;
    this.#disk.negotiated = undefined;
    this.config.writeback = this.#options.writeback;
    this.config.writebackWritable = true;
  }

  save(): { writeback: boolean } {
    return { writeback: this.config.writeback };
  }

  /** BlockOptionError where the state is not one that `save` gives. */
  restore(state: unknown): void {
    const writeback = (state as { writeback?: unknown } | null | undefined)?.writeback;
    if (typeof writeback !== 'boolean') throw new BlockOptionError('saved state of a disk has a boolean "writeback"');
    this.config.writeback = writeback;
  }

  /** Unlocks the image; a queue that starts locks it again, or fails where another disk has it. */
  relinquish(): void {
    this.#disk.image.unlock();
  }

  /** Call it when the image has grown or shrunk: the driver is told the new capacity. */
  updateCapacity(): void {
    if (this.#disk.updateCapacity()) this.#host?.configChanged();
  }

  /** Releases the image and its lock. */
  async close(): Promise<void> {
    await Promise.all(this.#queues.map((_, index) => this.stopQueue(index)));
    this.#disk.close();
  }
}

function makeConfig(options: CheckedOptions, image: Image): BlockConfig {
  const config = new BlockConfig({
    ...options,
    limits: image.limits,
    maxDiscardSectors: options.discard ? MAX_DISCARD_SECTORS : 0,
    maxWriteZeroesSectors: MAX_WRITE_ZEROES_SECTORS,
    maxRanges: MAX_RANGES,
  });
  config.writeback = options.writeback;
  return config;
}

function makeDisk({ readonly, id }: CheckedOptions, image: Image, config: BlockConfig): Disk {
  const bytes = new Uint8Array(ID_BYTES);
  new TextEncoder().encodeInto(id ?? image.identity, bytes);
  return new Disk({
    image,
    config,
    readonly,
    id: bytes,
    maxRanges: MAX_RANGES,
    maxDiscardSectors: MAX_DISCARD_SECTORS,
    maxWriteZeroesSectors: MAX_WRITE_ZEROES_SECTORS,
  });
}
