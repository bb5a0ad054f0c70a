/** Buffers of chains as segments for readv(2) and writev(2): packets and streams go straight from and to guest memory. */
import { IoVector, type Mapping } from '../../native/index.js';
import type { ChainBuffers } from '../queue/index.js';

export class GuestVector {
  readonly #io = new IoVector();
  readonly #attached = new Map<Mapping, number>();
  /** Buffers cluster in one region: the last one is looked at first. */
  #recent: Mapping | undefined;
  #recentIndex = 0;

  get segmentCount(): number {
    return this.#io.count;
  }

  /** Adds a half of a chain from position `from` on; false where only a part of it fits one system call. */
  append(buffers: ChainBuffers, from = 0): boolean {
    return this.appendPart(buffers, from, buffers.byteLength - from);
  }

  /** The same, at most `limit` bytes. */
  appendPart(buffers: ChainBuffers, from: number, limit: number): boolean {
    let skip = from;
    let left = limit;
    for (let i = 0; i < buffers.segmentCount && left > 0; i++) {
      const length = Math.min(buffers.length(i) - skip, left);
      if (length <= 0) {
        skip -= buffers.length(i);
        continue;
      }
      if (!this.appendMapping(buffers.region(i).mapping, buffers.offset(i) + skip, length)) return false;
      skip = 0;
      left -= length;
    }
    return true;
  }

  /** Adds bytes of any mapping; false where there is no room. */
  appendMapping(mapping: Mapping, offset: number, length: number): boolean {
    const index = mapping === this.#recent ? this.#recentIndex : this.#attach(mapping);
    return this.#io.append(index, offset, length);
  }

  dropFirst(segments: number): void {
    this.#io.dropFirst(segments);
  }

  dropLast(segments: number): void {
    this.#io.dropLast(segments);
  }

  clear(): void {
    this.#io.clear();
  }

  /** Lets go of guest memory. */
  detach(): void {
    this.#io.detachAll();
    this.#attached.clear();
    this.#recent = undefined;
  }

  /** One readv(2) into all segments: bytes read, or a negative errno. */
  readFrom(fd: number): number {
    return this.#io.readFrom(fd);
  }

  /** One writev(2) of all segments: bytes written, or a negative errno. */
  writeTo(fd: number): number {
    return this.#io.writeTo(fd);
  }

  #attach(mapping: Mapping): number {
    const index = this.#attached.get(mapping) ?? this.#io.attach(mapping);
    this.#attached.set(mapping, index);
    this.#recent = mapping;
    this.#recentIndex = index;
    return index;
  }
}
