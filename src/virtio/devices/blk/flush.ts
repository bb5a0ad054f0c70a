/** VIRTIO_BLK_T_FLUSH: writes completed before it was sent are on stable storage when it completes (5.2.6.2, case 3). */
import type { Disk } from './disk.js';
import { type Operation, type Outcome, PENDING } from './operation.js';
import type { QueueIo } from './queue-io.js';
import { Status } from './request.js';
import type { RequestSlot } from './slot.js';

/** One fdatasync: what the driver has been told is written is in the page cache, whichever queue it came by. */
export class FlushOperation implements Operation {
  readonly #disk: Disk;
  readonly #io: QueueIo;

  constructor(disk: Disk, io: QueueIo) {
    this.#disk = disk;
    this.#io = io;
  }

  begin(slot: RequestSlot): Outcome {
    this.#disk.counters.flushes++;
    if (this.#disk.syncFailed) return Status.ioError;
    this.#io.file.sync(slot.number);
    return PENDING;
  }

  advance(_slot: RequestSlot, result: number): Outcome {
    return this.#disk.endSync(result);
  }
}
