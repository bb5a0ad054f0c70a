/** What a disk can be made with. */
import type { FileIoEngine } from '../../../native/index.js';
import { BlockOptionError } from './errors.js';
import { ID_BYTES, SECTOR_BYTES } from './request.js';

export interface BlockDeviceOptions {
  /** A regular file (raw image) or a block device. Its size is the disk's, in whole blocks. */
  readonly path: string;
  /** The driver can only read. Default false. */
  readonly readonly?: boolean;
  /** Lock the image: exclusively, or shared where it is only read. Default true. */
  readonly lock?: boolean;
  /**
   * The driver comes from another process, which still has the image (migration): it is locked when the first queue
   * starts. Default false.
   */
  readonly incoming?: boolean;
  /** At most 20 ASCII characters. Default: made from the file's device and inode. */
  readonly id?: string;
  /** Number of queues, 1 to 64. Default 1. */
  readonly queues?: number;
  /** Largest size of each queue: a power of two, 4 to 1024. Default 256. */
  readonly queueSize?: number;
  /**
   * `writeback` (default): completed writes are on stable storage after a flush. `writethrough`: every write is before it
   * completes. Where the driver accepts CONFIG_WCE it may change that.
   */
  readonly cache?: 'writeback' | 'writethrough';
  /** Offer discard, which makes holes in the image. Default true. */
  readonly discard?: boolean;
  /** Block size the driver should use, in bytes: a power of two, 512 to 65536. Default: the device's, 512 for files. */
  readonly blockSize?: number;
  /** Most segments of a request. Default: as many as the queue has room for. */
  readonly segMax?: number;
  /** Longest segment in bytes. Default: no limit. */
  readonly sizeMax?: number;
  /** How requests reach the kernel. Default `auto`: see FileIoEngine. */
  readonly engine?: FileIoEngine;
}

export interface CheckedOptions {
  readonly path: string;
  readonly readonly: boolean;
  readonly lock: boolean;
  readonly incoming: boolean;
  readonly id: string | undefined;
  readonly queues: number;
  readonly queueSize: number;
  readonly writeback: boolean;
  readonly discard: boolean;
  readonly blockSize: number | undefined;
  readonly segMax: number;
  readonly sizeMax: number | undefined;
  readonly engine: FileIoEngine;
}

const MAX_QUEUES = 64;
const MIN_QUEUE_SIZE = 4;
const MAX_QUEUE_SIZE = 1024;
const DEFAULT_QUEUE_SIZE = 256;
const MAX_BLOCK = 65536;
/** Descriptors of a request beside its data: header and status. */
const FRAME_DESCRIPTORS = 2;

function check(condition: boolean, message: string): void {
  if (!condition) throw new BlockOptionError(message);
}

function isInteger(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

function isPowerOfTwo(value: number, min: number, max: number): boolean {
  return isInteger(value, min, max) && (value & (value - 1)) === 0;
}

/** The options with their defaults. BlockOptionError names the first that is wrong. */
export function checkOptions(options: BlockDeviceOptions): CheckedOptions {
  const { path, queues = 1, queueSize = DEFAULT_QUEUE_SIZE, blockSize, sizeMax, id } = options;
  const segMax = options.segMax ?? queueSize - FRAME_DESCRIPTORS;
  const powerOfTwo = `a power of two from ${MIN_QUEUE_SIZE} to ${MAX_QUEUE_SIZE}`;
  check(typeof path === 'string' && path !== '', 'path must name a file');
  check(isInteger(queues, 1, MAX_QUEUES), `queues must be 1 to ${MAX_QUEUES}, not ${queues}`);
  check(isPowerOfTwo(queueSize, MIN_QUEUE_SIZE, MAX_QUEUE_SIZE), `queueSize must be ${powerOfTwo}, not ${queueSize}`);
  check(isInteger(segMax, 1, queueSize), `segMax must be 1 to the queue size, not ${segMax}`);
  check(
    sizeMax === undefined || isInteger(sizeMax, SECTOR_BYTES, 2 ** 32 - 1),
    `sizeMax must be ${SECTOR_BYTES} or more`,
  );
  check(blockSize === undefined || isPowerOfTwo(blockSize, SECTOR_BYTES, MAX_BLOCK), `blockSize ${blockSize} is none`);
  check(
    id === undefined || /^[\x20-\x7e]{0,20}$/.test(id),
    `id must be at most ${ID_BYTES} printable ASCII characters`,
  );
  const { readonly = false, lock = true, incoming = false, cache = 'writeback', discard = true } = options;
  const { engine = 'auto' } = options;
  const sharing = { readonly, lock, incoming };
  const writeback = cache === 'writeback';
  return { path, ...sharing, id, queues, queueSize, writeback, discard, blockSize, segMax, sizeMax, engine };
}
