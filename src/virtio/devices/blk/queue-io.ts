/** The file of a disk as one queue uses it: requests in slots, memory by region. */
import { FileIo, type FileIoEngine, type Mapping } from '../../../native/index.js';
import type { ChainBuffers } from '../../queue/index.js';
import type { Disk } from './disk.js';
import type { RequestSlot } from './slot.js';

export class QueueIo {
  readonly file: FileIo;
  readonly #attached = new Map<Mapping, number>();
  /** Segments cluster in one region: the last one is looked at first. */
  #recent: Mapping | undefined;
  #recentIndex = 0;

  constructor(disk: Disk, slots: number, segmentsPerSlot: number, engine: FileIoEngine) {
    this.file = FileIo.open(disk.image.fd, { slots, segmentsPerSlot, engine });
  }

  /** Adds the segments of a half from position `from` on to what is prepared, up to `length` bytes or until the slot is full. */
  addBuffers(slot: RequestSlot, buffers: ChainBuffers, from: number, length: number): void {
    let skip = from;
    let left = length;
    for (let i = 0; left > 0; i++) {
      const available = buffers.length(i) - skip;
      if (available <= 0) {
        skip = -available;
        continue;
      }
      const count = Math.min(available, left);
      if (!this.addMapping(slot, buffers.region(i).mapping, buffers.offset(i) + skip, count)) return;
      left -= count;
      skip = 0;
    }
  }

  /** False where the slot is full: the rest waits for the next system call. */
  addMapping(slot: RequestSlot, mapping: Mapping, offset: number, length: number): boolean {
    const index = mapping === this.#recent ? this.#recentIndex : this.#attach(mapping);
    return this.file.addSegment(slot.number, index, offset, length);
  }

  #attach(mapping: Mapping): number {
    const index = this.#attached.get(mapping) ?? this.file.attach(mapping);
    this.#attached.set(mapping, index);
    this.#recent = mapping;
    this.#recentIndex = index;
    return index;
  }
}
