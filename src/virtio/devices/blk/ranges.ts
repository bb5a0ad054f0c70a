/** The ranges of discard and write-zeroes requests: struct virtio_blk_discard_write_zeroes (virtio 5.2.6). */
import type { ChainBuffers } from '../../queue/index.js';
import { HEADER_BYTES, isOnDisk, SECTOR_BYTES, Status } from './request.js';

export const RANGE_BYTES = 16;
const TWO_TO_32 = 2 ** 32;
const UNMAP = 1;

export interface RangeLimits {
  readonly maxRanges: number;
  readonly maxSectors: number;
  /** In sectors. */
  readonly capacity: number;
  /** Flags that may be set. */
  readonly flags: number;
}

export const NO_FLAGS = 0;
export const UNMAP_FLAG = UNMAP;

/** The ranges of one request, copied out of guest memory before they are judged. */
export class RangeList {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  count = 0;

  constructor(maxRanges: number) {
    this.#bytes = new Uint8Array(maxRanges * RANGE_BYTES);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Takes the ranges of a request, all of them right or none; the status tells. */
  read(readable: ChainBuffers, limits: RangeLimits): Status {
    const length = readable.byteLength - HEADER_BYTES;
    this.count = length / RANGE_BYTES;
    if (!Number.isInteger(this.count) || this.count === 0 || this.count > limits.maxRanges) return Status.ioError;
    if (readable.copyTo(this.#bytes.subarray(0, length), HEADER_BYTES) !== length) return Status.ioError;
    return this.#judge(limits);
  }

  #judge({ flags, capacity, maxSectors }: RangeLimits): Status {
    let status: Status = Status.ok;
    for (let i = 0; i < this.count; i++) {
      if ((this.#word(i, 12) & ~flags) !== 0) return Status.unsupported;
      const sectors = this.#word(i, 8);
      if (sectors > maxSectors || !isOnDisk(this.#sector(i), sectors * SECTOR_BYTES, capacity)) status = Status.ioError;
    }
    return status;
  }

  #word(range: number, offset: number): number {
    return this.#view.getUint32(range * RANGE_BYTES + offset, true);
  }

  #sector(range: number): number {
    return this.#word(range, 4) * TWO_TO_32 + this.#word(range, 0);
  }

  /** First byte of a range on the disk. */
  position(range: number): number {
    return this.#sector(range) * SECTOR_BYTES;
  }

  /** Bytes of a range. */
  length(range: number): number {
    return this.#word(range, 8) * SECTOR_BYTES;
  }

  /** The range may be given back to the file system. */
  unmap(range: number): boolean {
    return (this.#word(range, 12) & UNMAP) !== 0;
  }
}
