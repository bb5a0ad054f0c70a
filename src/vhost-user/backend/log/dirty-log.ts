/** The log of pages that the device has written to, which the frontend reads while it migrates the guest. */
import { fstatSync } from 'node:fs';
import { type EventFd, type Fd, MAX_MAPPING_LENGTH, Mapping, PAGE_SIZE } from '../../../native/index.js';
import { VhostUserRequestError } from '../../errors.js';
import type { LogMessage } from '../../message/index.js';
import { LOG_PAGE_BYTES } from '../../spec/index.js';

export class DirtyLog {
  /** Writes to pages for which the log has no bit. */
  missed = 0;
  readonly #mapping: Mapping;
  /** A bit for each page, least significant first. Others set bits of the same bytes: each change is atomic. */
  readonly #bytes: Uint8Array;

  private constructor(mapping: Mapping) {
    this.#mapping = mapping;
    this.#bytes = mapping.bytes;
  }

  /** VhostUserRequestError where the log is not wholly in its file. The file stays the caller's. */
  static open({ size, offset }: LogMessage, file: Fd, shrunk: EventFd): DirtyLog {
    const status = fstatSync(file.number, { bigint: true });
    const inFile = status.isFile() && offset <= status.size && size <= status.size - offset;
    if (!inFile || size === 0n || size > BigInt(MAX_MAPPING_LENGTH) || offset % BigInt(PAGE_SIZE) !== 0n)
      throw new VhostUserRequestError(`a log of ${size} byte(s) at ${offset} is not in its file`);
    return new DirtyLog(Mapping.ofFile(file, { offset: Number(offset), length: Number(size), shrunk }));
  }

  /** Marks the pages of [gpa, gpa + length), after they have been written to. */
  mark(gpa: number, length: number): void {
    if (length <= 0) return;
    const last = Math.floor((gpa + length - 1) / LOG_PAGE_BYTES);
    for (let page = Math.floor(gpa / LOG_PAGE_BYTES); page <= last; page++) {
      const at = Math.floor(page / 8);
      if (at < this.#bytes.length) Atomics.or(this.#bytes, at, 1 << (page % 8));
      else this.missed += 1;
    }
  }

  close(): void {
    this.#mapping.unmap();
  }
}
