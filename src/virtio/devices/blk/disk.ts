/** What the queues of one disk share. */
import { constants } from 'node:os';
import { Mapping } from '../../../native/index.js';
import type { BlockConfig } from './config.js';
import type { Negotiated } from './features.js';
import type { Image } from './image.js';
import { Status } from './request.js';

/** The zeroes that write-zeroes requests write where the file system cannot make any. */
const ZEROES_BYTES = 65536;

const errnoNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

export interface BlockCounters {
  /** Requests by kind, successful or not. */
  reads: number;
  writes: number;
  flushes: number;
  erasures: number;
  /** Answered with VIRTIO_BLK_S_IOERR: the image failed, or the driver asked for what is not there. */
  errors: number;
  /** Answered with VIRTIO_BLK_S_UNSUPP. */
  unsupported: number;
  /** Without room for an answer. */
  malformed: number;
}

export interface DiskOptions {
  readonly image: Image;
  readonly config: BlockConfig;
  readonly readonly: boolean;
  readonly id: Uint8Array;
  readonly maxRanges: number;
  readonly maxDiscardSectors: number;
  readonly maxWriteZeroesSectors: number;
}

export class Disk implements Disposable {
  readonly image: Image;
  readonly config: BlockConfig;
  readonly readonly: boolean;
  readonly id: Uint8Array;
  readonly maxRanges: number;
  readonly maxDiscardSectors: number;
  readonly maxWriteZeroesSectors: number;
  readonly zeroes = Mapping.anonymous(ZEROES_BYTES);
  readonly counters: BlockCounters = {
    reads: 0,
    writes: 0,
    flushes: 0,
    erasures: 0,
    errors: 0,
    unsupported: 0,
    malformed: 0,
  };
  negotiated: Negotiated | undefined;
  /** In sectors of 512 bytes; the configuration says the same. */
  capacity: number;
  /** False once the file system has refused. */
  canPunchHoles = true;
  canZeroRanges = true;
  /** An fdatasync has failed: the kernel tells of a lost page once and then forgets it, so no flush can promise anything. */
  syncFailed = false;
  log: (message: string) => void = () => {};
  readonly #reported = new Set<string>();

  constructor(options: DiskOptions) {
    this.image = options.image;
    this.config = options.config;
    this.readonly = options.readonly;
    this.id = options.id;
    this.maxRanges = options.maxRanges;
    this.maxDiscardSectors = options.maxDiscardSectors;
    this.maxWriteZeroesSectors = options.maxWriteZeroesSectors;
    this.capacity = this.#readCapacity();
  }

  /** Takes over the size the image has now; true where it has changed. */
  updateCapacity(): boolean {
    const before = this.capacity;
    this.capacity = this.#readCapacity();
    return this.capacity !== before;
  }

  #readCapacity(): number {
    const sectors = this.image.sectors();
    this.config.capacity = sectors;
    return sectors;
  }

  /** Whether a write must be on stable storage before it completes (5.2.6.2). */
  get durableWrites(): boolean {
    return this.negotiated?.writethrough === true || !this.config.writeback;
  }

  /** How a request ends whose last system call was an fdatasync. */
  endSync(result: number): Status {
    if (result >= 0) return Status.ok;
    this.syncFailed = true;
    this.report('flushing', result);
    return Status.ioError;
  }

  /** Logs a failure of the image, each kind once: a driver that retries must not fill the log. */
  report(action: string, error: number): void {
    const reason = errnoNames.get(-error) ?? (error === 0 ? 'end of file' : `errno ${-error}`);
    const message = `${this.image.path}: ${action} failed (${reason}); the driver gets an I/O error`;
    if (this.#reported.has(message)) return;
    this.#reported.add(message);
    this.log(message);
  }

  close(): void {
    this.zeroes.unmap();
    this.image.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
