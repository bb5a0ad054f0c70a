/** Configuration space of the block device: struct virtio_blk_config (virtio 5.2.4). */
import type { ConfigSpace } from '../../device.js';
import { SECTOR_BYTES } from './request.js';

/** Through `unused1`: what comes after belongs to features that are not offered. */
const CONFIG_BYTES = 60;

const Offset = {
  capacity: 0,
  sizeMax: 8,
  segMax: 12,
  blkSize: 20,
  physicalBlockExponent: 24,
  minIoSize: 26,
  optIoSize: 28,
  writeback: 32,
  numQueues: 34,
  maxDiscardSectors: 36,
  maxDiscardSegments: 40,
  discardSectorAlignment: 44,
  maxWriteZeroesSectors: 48,
  maxWriteZeroesSegments: 52,
  writeZeroesMayUnmap: 56,
} as const;

/** Sizes in bytes; those of blocks are powers of two. */
export interface BlockLimits {
  /** `blk_size`: what one write changes, as the driver should see it. 512 or more. */
  readonly logicalBlock: number;
  /** What the storage underneath writes at once. */
  readonly physicalBlock: number;
  /** Smallest transfer worth its cost. */
  readonly minimumIo: number;
  /** Best size of a transfer; 0: no preference. */
  readonly optimalIo: number;
}

/** Fields that hold from start to end. Their features tell the driver which are there. */
export interface FixedConfig {
  readonly limits: BlockLimits;
  readonly segMax: number;
  readonly sizeMax: number | undefined;
  readonly queues: number;
  readonly maxDiscardSectors: number;
  readonly maxWriteZeroesSectors: number;
  readonly maxRanges: number;
  readonly readonly: boolean;
}

export class BlockConfig implements ConfigSpace {
  /** Shared, so that transports on other threads read it without asking this one. */
  readonly bytes = new Uint8Array(new SharedArrayBuffer(CONFIG_BYTES));
  readonly #view = new DataView(this.bytes.buffer);
  /** Whether writes to `writeback` count: before negotiation they do (legacy drivers), then where CONFIG_WCE is accepted. */
  writebackWritable = true;

  constructor(fixed: FixedConfig) {
    this.#setTransfers(fixed);
    this.#setTopology(fixed.limits);
    this.#setRanges(fixed);
    this.#view.setUint16(Offset.numQueues, fixed.queues, true);
  }

  #setTransfers({ sizeMax = 0, segMax, limits }: FixedConfig): void {
    this.#view.setUint32(Offset.sizeMax, sizeMax, true);
    this.#view.setUint32(Offset.segMax, segMax, true);
    this.#view.setUint32(Offset.blkSize, limits.logicalBlock, true);
  }

  /** Counted in logical blocks. */
  #setTopology({ logicalBlock, physicalBlock, minimumIo, optimalIo }: BlockLimits): void {
    this.#view.setUint8(Offset.physicalBlockExponent, Math.log2(physicalBlock / logicalBlock));
    this.#view.setUint16(Offset.minIoSize, Math.min(minimumIo / logicalBlock, 0xffff), true);
    this.#view.setUint32(Offset.optIoSize, optimalIo / logicalBlock, true);
  }

  #setRanges({ limits, maxDiscardSectors, maxWriteZeroesSectors, maxRanges, readonly }: FixedConfig): void {
    if (readonly) return;
    this.#view.setUint32(Offset.maxDiscardSectors, maxDiscardSectors, true);
    this.#view.setUint32(Offset.maxDiscardSegments, maxRanges, true);
    this.#view.setUint32(Offset.discardSectorAlignment, limits.physicalBlock / SECTOR_BYTES, true);
    this.#view.setUint32(Offset.maxWriteZeroesSectors, maxWriteZeroesSectors, true);
    this.#view.setUint32(Offset.maxWriteZeroesSegments, maxRanges, true);
    this.#view.setUint8(Offset.writeZeroesMayUnmap, 1);
  }

  /** In sectors of 512 bytes. */
  get capacity(): number {
    return Number(this.#view.getBigUint64(Offset.capacity, true));
  }

  set capacity(sectors: number) {
    this.#view.setBigUint64(Offset.capacity, BigInt(sectors), true);
  }

  /** Completed writes may wait in a cache for a flush. */
  get writeback(): boolean {
    return this.bytes[Offset.writeback] !== 0;
  }

  set writeback(on: boolean) {
    this.bytes[Offset.writeback] = on ? 1 : 0;
  }

  /** Only `writeback` can be written, by a write of any width that covers it. */
  write(offset: number, bytes: Uint8Array): void {
    const value = bytes[Offset.writeback - offset];
    if (value !== undefined && this.writebackWritable) this.writeback = value !== 0;
  }
}
