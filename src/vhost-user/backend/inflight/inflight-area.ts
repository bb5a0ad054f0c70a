/** The memory in which chains in flight are noted, so that a backend that follows this one can serve them again. */
import { fstatSync } from 'node:fs';
import { type EventFd, type Fd, Mapping, Memfd, PAGE_SIZE } from '../../../native/index.js';
import { MAX_QUEUE_SIZE } from '../../../virtio/spec/index.js';
import { VhostUserRequestError } from '../../errors.js';
import type { InflightMessage } from '../../message/index.js';
import { isBegun, partBytes } from './layout.js';

export class InflightArea {
  readonly #mapping: Mapping;
  readonly #queues: number;
  readonly #partBytes: number;
  /** Entries of each part. */
  readonly queueSize: number;
  readonly packed: boolean;

  private constructor(mapping: Mapping, { queues, queueSize }: InflightMessage, packed: boolean) {
    this.#mapping = mapping;
    this.#queues = queues;
    this.queueSize = queueSize;
    this.packed = packed;
    this.#partBytes = partBytes(queueSize, packed);
  }

  /** A new file for the frontend to keep, and what describes it. The file is the caller's. */
  static create(queues: number, queueSize: number, packed: boolean): { file: Fd; message: InflightMessage } {
    checkCounts(queues, queueSize);
    const bytes = Math.ceil((queues * partBytes(queueSize, packed)) / PAGE_SIZE) * PAGE_SIZE;
    const file = Memfd.create({ name: 'ioregion-inflight', size: bytes });
    return { file, message: { size: BigInt(bytes), offset: 0n, queues, queueSize } };
  }

  /** The file that the frontend has kept, which may be any. VhostUserRequestError where it cannot be such an area. */
  static open(message: InflightMessage, file: Fd, packed: boolean, shrunk: EventFd): InflightArea {
    const { size, offset, queues, queueSize } = message;
    checkCounts(queues, queueSize);
    const needed = BigInt(queues * partBytes(queueSize, packed));
    const status = fstatSync(file.number, { bigint: true });
    if (!status.isFile() || offset % BigInt(PAGE_SIZE) !== 0n || offset > status.size || size > status.size - offset)
      throw new VhostUserRequestError(`an inflight area of ${size} byte(s) at ${offset} is not in its file`);
    if (size < needed)
      throw new VhostUserRequestError(`${queues} queue(s) of ${queueSize} need an inflight area of ${needed} bytes`);
    const mapping = Mapping.ofFile(file, { offset: Number(offset), length: Number(needed), shrunk });
    return new InflightArea(mapping, message, packed);
  }

  /** The part of a queue; null where there is none, or where it is for shorter queues. */
  part(index: number, size: number): Uint8Array | null {
    if (index >= this.#queues || size > this.queueSize) return null;
    const at = index * this.#partBytes;
    return this.#mapping.bytes.subarray(at, at + this.#partBytes);
  }

  /** Whether a backend has served this queue with the area. */
  isBegun(index: number, size: number): boolean {
    const part = this.part(index, size);
    return part !== null && isBegun(part);
  }

  close(): void {
    this.#mapping.unmap();
  }
}

function checkCounts(queues: number, queueSize: number): void {
  if (queues === 0 || queues > 1024 || queueSize === 0 || queueSize > MAX_QUEUE_SIZE)
    throw new VhostUserRequestError(`an inflight area of ${queues} queue(s) with ${queueSize} entries`);
}
