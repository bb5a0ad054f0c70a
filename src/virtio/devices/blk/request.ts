/** What a block request says (virtio 5.2.6): struct virtio_blk_req, read once. */
import type { ChainBuffers } from '../../queue/index.js';

/** The unit of the protocol, whatever the block size. */
export const SECTOR_BYTES = 512;
export const HEADER_BYTES = 16;
export const STATUS_BYTES = 1;
/** A device ID string without a terminator is as long as this. */
export const ID_BYTES = 20;

export const RequestType = {
  in: 0,
  out: 1,
  /** Commands for a SCSI disk. Never supported. */
  scsiCommand: 2,
  flush: 4,
  /** Legacy synonym of flush. */
  flushOut: 5,
  getId: 8,
  discard: 11,
  writeZeroes: 13,
} as const;

export const Status = { ok: 0, ioError: 1, unsupported: 2 } as const;
export type Status = (typeof Status)[keyof typeof Status];

const TWO_TO_32 = 2 ** 32;
const SECTOR_LOW = 8;
const SECTOR_HIGH = 12;

/** The header of one request after another: the copy that everything is judged by. */
export class RequestHeader {
  readonly #bytes = new Uint8Array(HEADER_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);

  /** False where the chain is too short for a header. */
  read(readable: ChainBuffers): boolean {
    return readable.copyTo(this.#bytes) === HEADER_BYTES;
  }

  get type(): number {
    return this.#view.getUint32(0, true);
  }

  /** Beyond 2^53 rounded, to a number that is beyond every capacity too. */
  get sector(): number {
    return this.#view.getUint32(SECTOR_HIGH, true) * TWO_TO_32 + this.#view.getUint32(SECTOR_LOW, true);
  }
}

/** Whether `bytes` from `sector` on are whole sectors of a disk of `capacity` sectors. No sum that could lose bits. */
export function isOnDisk(sector: number, bytes: number, capacity: number): boolean {
  return bytes % SECTOR_BYTES === 0 && sector <= capacity && bytes / SECTOR_BYTES <= capacity - sector;
}
