/** VIRTIO_BLK_T_DISCARD and VIRTIO_BLK_T_WRITE_ZEROES: range after range. */
import { constants } from 'node:os';
import type { Disk } from './disk.js';
import { type Operation, type Outcome, PENDING } from './operation.js';
import type { QueueIo } from './queue-io.js';
import { NO_FLAGS, type RangeLimits, RangeList, UNMAP_FLAG } from './ranges.js';
import { Status } from './request.js';
import type { RequestSlot } from './slot.js';

const NOT_SUPPORTED = -constants.errno.EOPNOTSUPP;

/** How a range is erased. */
const Method = { nothing: 0, punchHole: 1, zeroRange: 2, writeZeroes: 3, sync: 4 } as const;
type Method = (typeof Method)[keyof typeof Method];

abstract class Erasure implements Operation {
  protected readonly disk: Disk;
  protected readonly io: QueueIo;

  constructor(disk: Disk, io: QueueIo) {
    this.disk = disk;
    this.io = io;
  }

  protected abstract readonly accepted: boolean;
  protected abstract readonly maxSectors: number;
  protected abstract readonly flags: number;
  /** What the file system can do for a range, best first. */
  protected abstract choose(unmap: boolean): Method;

  begin(slot: RequestSlot): Outcome {
    this.disk.counters.erasures++;
    if (!this.accepted) return Status.unsupported;
    if (this.disk.readonly) return Status.ioError;
    slot.ranges ??= new RangeList(this.disk.maxRanges);
    const status = slot.ranges.read(slot.chain!.readable, this.#limits());
    if (status !== Status.ok) return status;
    slot.range = -1;
    return this.#nextRange(slot, slot.ranges);
  }

  #limits(): RangeLimits {
    const { maxRanges, capacity } = this.disk;
    return { maxRanges, maxSectors: this.maxSectors, capacity, flags: this.flags };
  }

  advance(slot: RequestSlot, result: number): Outcome {
    if (slot.method === Method.sync) return this.disk.endSync(result);
    if (result === NOT_SUPPORTED && this.#giveUp(slot.method)) return this.#prepare(slot, slot.ranges!);
    if (result < 0 || (result === 0 && slot.method === Method.writeZeroes)) {
      this.disk.report('erasing', result);
      return Status.ioError;
    }
    slot.done = slot.method === Method.writeZeroes ? slot.done + result : slot.length;
    return slot.done < slot.length ? this.#prepare(slot, slot.ranges!) : this.#nextRange(slot, slot.ranges!);
  }

  /** False where there is nothing else to try. */
  #giveUp(method: number): boolean {
    if (method === Method.punchHole) this.disk.canPunchHoles = false;
    if (method === Method.zeroRange) this.disk.canZeroRanges = false;
    return method !== Method.writeZeroes;
  }

  #nextRange(slot: RequestSlot, ranges: RangeList): Outcome {
    do slot.range++;
    while (slot.range < ranges.count && ranges.length(slot.range) === 0);
    if (slot.range >= ranges.count) return this.#end(slot);
    slot.length = ranges.length(slot.range);
    slot.done = 0;
    return this.#prepare(slot, ranges);
  }

  #prepare(slot: RequestSlot, ranges: RangeList): Outcome {
    const position = ranges.position(slot.range);
    slot.method = this.choose(ranges.unmap(slot.range));
    if (slot.method === Method.nothing) return this.#nextRange(slot, ranges);
    if (slot.method === Method.punchHole) this.io.file.punchHole(slot.number, position, slot.length);
    else if (slot.method === Method.zeroRange) this.io.file.zeroRange(slot.number, position, slot.length);
    else this.#writeZeroes(slot, position);
    return PENDING;
  }

  /** As many zeroes as one system call takes. */
  #writeZeroes(slot: RequestSlot, position: number): void {
    const { zeroes } = this.disk;
    this.io.file.write(slot.number, position + slot.done);
    for (let left = slot.length - slot.done; left > 0; left -= zeroes.length)
      if (!this.io.addMapping(slot, zeroes, 0, Math.min(left, zeroes.length))) return;
  }

  /** A writethrough cache holds back no erasure either. */
  #end(slot: RequestSlot): Outcome {
    if (!this.disk.durableWrites) return Status.ok;
    slot.method = Method.sync;
    this.io.file.sync(slot.number);
    return PENDING;
  }
}

/** Gives ranges back to the file system where it takes them. */
export class DiscardOperation extends Erasure {
  protected readonly flags = NO_FLAGS;

  protected get accepted(): boolean {
    return this.disk.negotiated?.discard === true;
  }

  protected get maxSectors(): number {
    return this.disk.maxDiscardSectors;
  }

  protected choose(): Method {
    return this.disk.canPunchHoles ? Method.punchHole : Method.nothing;
  }
}

/** Makes ranges read as zeroes; with `unmap` they may be given back too. */
export class WriteZeroesOperation extends Erasure {
  protected readonly flags = UNMAP_FLAG;

  protected get accepted(): boolean {
    return this.disk.negotiated?.writeZeroes === true;
  }

  protected get maxSectors(): number {
    return this.disk.maxWriteZeroesSectors;
  }

  protected choose(unmap: boolean): Method {
    if (unmap && this.disk.canPunchHoles) return Method.punchHole;
    return this.disk.canZeroRanges ? Method.zeroRange : Method.writeZeroes;
  }
}
