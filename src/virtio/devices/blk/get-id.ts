/** VIRTIO_BLK_T_GET_ID: the ID string of the disk, padded with NUL. */
import type { Disk } from './disk.js';
import type { Operation, Outcome } from './operation.js';
import { STATUS_BYTES, Status } from './request.js';
import type { RequestSlot } from './slot.js';

export class GetIdOperation implements Operation {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** A buffer shorter than an ID gets the beginning of it. */
  begin(slot: RequestSlot): Outcome {
    const { writable } = slot.chain!;
    const room = writable.byteLength - STATUS_BYTES;
    slot.filled = writable.copyFrom(room < this.#disk.id.length ? this.#disk.id.subarray(0, room) : this.#disk.id);
    return Status.ok;
  }

  advance(): Outcome {
    return Status.ok;
  }
}
