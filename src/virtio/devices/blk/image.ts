/** The file or block device behind a disk. */
import { constants, fstatSync, openSync, statSync } from 'node:fs';
import { Fd, fileEnd, lockFile } from '../../../native/index.js';
import { FILE_LIMITS, limitsOfBlockDevice, withBlockSize } from './block-limits.js';
import type { BlockLimits } from './config.js';
import { BlockImageError } from './errors.js';
import { ID_BYTES, SECTOR_BYTES } from './request.js';

export interface ImageOptions {
  /** A regular file (raw) or a block device. */
  readonly path: string;
  readonly readonly: boolean;
  /** Lock the file: exclusively, or shared where it is only read. */
  readonly lock: boolean;
  /** Another process still has the image: it is opened without its lock. */
  readonly incoming: boolean;
  /** Instead of what the image says of itself. In bytes. */
  readonly blockSize: number | undefined;
}

export class Image implements Disposable {
  readonly path: string;
  readonly fd: Fd;
  readonly limits: BlockLimits;
  /** The same for each start, another for each file: a default for the disk's ID. */
  readonly identity: string;
  readonly #readonly: boolean;
  readonly #locks: boolean;
  /** A second open of the file, which has the lock: it can be given up while the image stays open. */
  #lock: Fd | null = null;

  private constructor(fd: Fd, { path, readonly, lock, blockSize }: ImageOptions) {
    const stats = fstatSync(fd.number);
    const limits = stats.isBlockDevice() ? limitsOfBlockDevice(stats.rdev) : FILE_LIMITS;
    this.path = path;
    this.fd = fd;
    this.#readonly = readonly;
    this.#locks = lock;
    this.limits = withBlockSize(limits, blockSize ?? limits.logicalBlock);
    this.identity = `${stats.dev.toString(16)}-${stats.ino.toString(16)}`.slice(0, ID_BYTES);
  }

  /** BlockImageError where there is no such image; FileInUseError where somebody else has it. */
  static open(options: ImageOptions): Image {
    const fd = new Fd(openImage(options));
    try {
      const image = new Image(fd, options);
      if (!options.incoming) image.lock();
      return image;
    } catch (error) {
      fd.close();
      throw error;
    }
  }

  /** Sectors of 512 bytes in whole blocks, now. Bytes after the last block are not part of the disk. */
  sectors(): number {
    const { logicalBlock } = this.limits;
    return Math.floor(fileEnd(this.fd) / logicalBlock) * (logicalBlock / SECTOR_BYTES);
  }

  /** Locks the image, where it is to be locked; true where it was not before. FileInUseError where somebody else has it. */
  lock(): boolean {
    if (!this.#locks || this.#lock !== null) return false;
    const fd = new Fd(
      openSync(`/proc/self/fd/${this.fd.number}`, this.#readonly ? constants.O_RDONLY : constants.O_RDWR),
    );
    try {
      lockFile(fd, this.path, !this.#readonly);
    } catch (error) {
      fd.close();
      throw error;
    }
    this.#lock = fd;
    return true;
  }

  unlock(): void {
    this.#lock?.close();
    this.#lock = null;
  }

  close(): void {
    this.unlock();
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function openImage({ path, readonly, incoming }: ImageOptions): number {
  try {
    const stats = statSync(path);
    if (!stats.isFile() && !stats.isBlockDevice()) throw new Error('is neither a regular file nor a block device');
    return openSync(path, openFlags(stats.isBlockDevice() && !incoming, readonly));
  } catch (error) {
    throw new BlockImageError(path, reasonOf(error), error);
  }
}

/** Opening a block device exclusively keeps it from being mounted, and fails where it is. */
function openFlags(exclusively: boolean, readonly: boolean): number {
  if (readonly) return constants.O_RDONLY;
  return constants.O_RDWR | (exclusively ? constants.O_EXCL : 0);
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EBUSY') return 'is mounted, or open exclusively elsewhere';
  if (code === 'EACCES' || code === 'EROFS') return `cannot be opened (${code}): check its mode, or open it read-only`;
  return message;
}
