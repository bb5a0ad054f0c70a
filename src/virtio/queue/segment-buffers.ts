/** The halves of a chain, reached by position. */
import type { ChainBuffers } from './chain-buffers.js';
import type { GuestAccess } from './guest-access.js';
import type { QueueRegion } from './queue-memory.js';
import type { SegmentList } from './segment-list.js';

/** The chain that a half belongs to. */
export interface ChainSegments extends SegmentList {
  /** While the device has it and its queue runs. Guest memory is not touched otherwise, nor where it has been unmapped. */
  readonly usable: boolean;
  readonly readable: ChainBuffers;
}

/** What happens to one piece of a segment; `done` bytes have been dealt with before it. */
type Transfer<Argument> = (
  access: GuestAccess,
  offset: number,
  length: number,
  argument: Argument,
  done: number,
) => void;

const toTarget: Transfer<Uint8Array> = (access, offset, length, target, done) =>
  access.copyTo(offset, length, target, done);
const fromSource: Transfer<Uint8Array> = (access, offset, length, source, done) =>
  access.copyFrom(offset, length, source, done);
const setTo: Transfer<number> = (access, offset, length, value) => access.fill(offset, length, value);

abstract class SegmentBuffers implements ChainBuffers {
  declare protected readonly chain: ChainSegments;

  /** Written by whoever reads the chain. */
  byteLength = 0;
  segmentCount = 0;

  constructor(chain: ChainSegments) {
    this.chain = chain;
  }

  abstract copyFrom(source: Uint8Array, at?: number): number;
  abstract fill(value: number, at: number, length: number): number;

  /** Number in the list of the first segment of this half. */
  protected abstract readonly first: number;

  copyTo(target: Uint8Array, from = 0): number {
    return this.transfer(toTarget, target, from, target.length);
  }

  view(segment: number): Uint8Array {
    const length = this.chain.usable ? this.length(segment) : 0;
    const offset = this.offset(segment);
    return this.region(segment).mapping.bytes.subarray(offset, offset + length);
  }

  region(segment: number): QueueRegion {
    const { chain } = this;
    return chain.memory.regions[chain.region(this.checked(segment))]!;
  }

  address(segment: number): number {
    return this.region(segment).gpa + this.offset(segment);
  }

  offset(segment: number): number {
    return this.chain.offset(this.checked(segment));
  }

  length(segment: number): number {
    return this.chain.length(this.checked(segment));
  }

  /** `transfer` for each piece of up to `wanted` bytes from `position` on; returns how many there were. */
  protected transfer<Argument>(
    transfer: Transfer<Argument>,
    argument: Argument,
    position: number,
    wanted: number,
  ): number {
    const total = this.available(position, wanted);
    let skip = position;
    let done = 0;
    for (let i = this.first; done < total; i++) {
      const length = this.chain.length(i);
      if (skip >= length) {
        skip -= length;
        continue;
      }
      const count = Math.min(length - skip, total - done);
      const access = this.access(i);
      if (access.usable) transfer(access, this.chain.offset(i) + skip, count, argument, done);
      done += count;
      skip = 0;
    }
    return total;
  }

  private available(position: number, wanted: number): number {
    if (!this.chain.usable || !(position >= 0)) return 0;
    return Math.max(0, Math.min(wanted, this.byteLength - position));
  }

  private access(segment: number): GuestAccess {
    const { chain } = this;
    return chain.memory.accesses[chain.region(segment)]!;
  }

  private checked(segment: number): number {
    if (segment >= 0 && segment < this.segmentCount) return this.first + segment;
    throw new RangeError(`segment ${segment} of ${this.segmentCount}`);
  }
}

export class ReadableSegments extends SegmentBuffers {
  protected get first(): number {
    return 0;
  }

  copyFrom(): number {
    return 0;
  }

  fill(): number {
    return 0;
  }
}

export class WritableSegments extends SegmentBuffers {
  protected get first(): number {
    return this.chain.readable.segmentCount;
  }

  copyFrom(source: Uint8Array, at = 0): number {
    return this.transfer(fromSource, source, at, source.length);
  }

  fill(value: number, at: number, length: number): number {
    return this.transfer(setTo, value, at, length);
  }
}
