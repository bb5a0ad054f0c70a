/** Reads and writes, straight between the file and guest memory. */
import { FileFlag } from '../../../native/index.js';
import type { Disk } from './disk.js';
import { type Operation, type Outcome, PENDING } from './operation.js';
import type { QueueIo } from './queue-io.js';
import { HEADER_BYTES, isOnDisk, SECTOR_BYTES, STATUS_BYTES, Status } from './request.js';
import type { RequestSlot } from './slot.js';

/** VIRTIO_BLK_T_IN */
export class ReadOperation implements Operation {
  readonly #disk: Disk;
  readonly #io: QueueIo;

  constructor(disk: Disk, io: QueueIo) {
    this.#disk = disk;
    this.#io = io;
  }

  begin(slot: RequestSlot): Outcome {
    this.#disk.counters.reads++;
    slot.length = slot.chain!.writable.byteLength - STATUS_BYTES;
    if (!isOnDisk(slot.sector, slot.length, this.#disk.capacity)) return Status.ioError;
    return slot.length === 0 ? Status.ok : this.#prepare(slot);
  }

  /** After a part (a signal, many segments) with the rest. Nothing read means that the file has become shorter. */
  advance(slot: RequestSlot, result: number): Outcome {
    if (result <= 0) {
      this.#disk.report('reading', result);
      return Status.ioError;
    }
    slot.done += result;
    slot.filled = slot.done;
    return slot.done >= slot.length ? Status.ok : this.#prepare(slot);
  }

  #prepare(slot: RequestSlot): Outcome {
    this.#io.file.read(slot.number, slot.sector * SECTOR_BYTES + slot.done);
    this.#io.addBuffers(slot, slot.chain!.writable, slot.done, slot.length - slot.done);
    return PENDING;
  }
}

/** VIRTIO_BLK_T_OUT */
export class WriteOperation implements Operation {
  readonly #disk: Disk;
  readonly #io: QueueIo;

  constructor(disk: Disk, io: QueueIo) {
    this.#disk = disk;
    this.#io = io;
  }

  begin(slot: RequestSlot): Outcome {
    this.#disk.counters.writes++;
    slot.length = slot.chain!.readable.byteLength - HEADER_BYTES;
    if (this.#disk.readonly || !isOnDisk(slot.sector, slot.length, this.#disk.capacity)) return Status.ioError;
    return slot.length === 0 ? Status.ok : this.#prepare(slot);
  }

  advance(slot: RequestSlot, result: number): Outcome {
    if (result <= 0) {
      this.#disk.report('writing', result);
      return Status.ioError;
    }
    slot.done += result;
    return slot.done >= slot.length ? Status.ok : this.#prepare(slot);
  }

  #prepare(slot: RequestSlot): Outcome {
    const flags = this.#disk.durableWrites ? FileFlag.durable : 0;
    this.#io.file.write(slot.number, slot.sector * SECTOR_BYTES + slot.done, flags);
    this.#io.addBuffers(slot, slot.chain!.readable, HEADER_BYTES + slot.done, slot.length - slot.done);
    return PENDING;
  }
}
