/** One request under way. */
import type { Chain } from '../../queue/index.js';
import type { Operation } from './operation.js';
import type { RangeList } from './ranges.js';

/** Made once for each slot of a queue's FileIo, and used again and again. */
export class RequestSlot {
  /** Slot of the FileIo. */
  readonly number: number;
  chain: Chain | null = null;
  operation: Operation | null = null;
  /** First sector, as the driver wrote it. */
  sector = 0;
  /** Bytes of the transfer, or of the range under way. */
  length = 0;
  /** Bytes of it that have been dealt with. */
  done = 0;
  /** Bytes of data in the writable half so far, without a gap. */
  filled = 0;
  /** Of discard and write-zeroes requests; made when the slot has its first. */
  ranges: RangeList | null = null;
  /** The range under way. */
  range = 0;
  /** How the range under way is erased. */
  method = 0;

  constructor(number: number) {
    this.number = number;
  }

  begin(chain: Chain, operation: Operation | null, sector: number): void {
    this.chain = chain;
    this.operation = operation;
    this.sector = sector;
    this.done = 0;
    this.filled = 0;
  }
}
