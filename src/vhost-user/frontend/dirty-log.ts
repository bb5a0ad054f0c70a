/** Which pages the backend has written to: the log of live migration (SET_LOG_BASE, VHOST_F_LOG_ALL). */
import type { GuestMemory } from '../../memory/index.js';
import { Mapping, Memfd, PAGE_SIZE, undoOnFailure } from '../../native/index.js';
import { encodeLog } from '../message/index.js';
import { FrontendRequest, LOG_PAGE_BYTES } from '../spec/index.js';
import type { RequestChannel } from './request-channel.js';

const BITS = 32;

/** One bit for each page from guest address 0 to the end of memory; backends set them atomically. */
export class DirtyLog implements Disposable {
  readonly #file: Memfd;
  readonly #mapping: Mapping;
  readonly #words: Int32Array;

  private constructor(file: Memfd, mapping: Mapping) {
    this.#file = file;
    this.#mapping = mapping;
    this.#words = new Int32Array(mapping.buffer);
  }

  static create(memory: GuestMemory): DirtyLog {
    const end = memory.regions.at(-1)!.end;
    const length = Math.ceil(end / LOG_PAGE_BYTES / 8 / PAGE_SIZE) * PAGE_SIZE;
    return undoOnFailure((undo) => {
      const file = undo.use(Memfd.create({ name: 'ioregion-dirty-log', size: length }));
      return new DirtyLog(file, undo.use(Mapping.ofFile(file, { length })));
    });
  }

  /** Hands it to a backend with LOG_SHMFD, which answers in any case. */
  async give(channel: RequestChannel): Promise<void> {
    const size = BigInt(this.#mapping.length);
    await channel.ask(FrontendRequest.setLogBase, encodeLog({ size, offset: 0n }), { fds: [this.#file] });
  }

  /** Guest addresses of the pages written to since the last call. */
  takePages(): number[] {
    const pages: number[] = [];
    for (let at = 0; at < this.#words.length; at++) {
      if (this.#words[at] !== 0) collect(Atomics.exchange(this.#words, at, 0), at * BITS, pages);
    }
    return pages;
  }

  close(): void {
    this.#mapping[Symbol.dispose]();
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function collect(word: number, firstPage: number, pages: number[]): void {
  for (let bit = 0; bit < BITS; bit++) {
    if (((word >>> bit) & 1) !== 0) pages.push((firstPage + bit) * LOG_PAGE_BYTES);
  }
}
