/** readv(2) and writev(2) on pieces of mappings: streams and packets straight from and to guest memory. */
import { native } from './binding.js';
import type { Mapping } from './mapping.js';
import { system } from './system-error.js';

/** What one transfer takes (UIO_MAXIOV). */
export const MAX_TRANSFER_SEGMENTS = 1024;

const WORDS = 3;
/** Room for two full transfers: a list that is used up from its front moves rarely. */
const CAPACITY = 2 * MAX_TRANSFER_SEGMENTS;

/**
 * A list of segments (pieces of attached mappings), at most MAX_TRANSFER_SEGMENTS: added at its end, taken off at its
 * front. Transfers use all of it. They do not wait, if the descriptor does not block, and make no objects.
 */
export class IoVector {
  readonly #object = system(() => native.ioVectorCreate(CAPACITY));
  readonly #words = new Uint32Array(native.ioVectorArea(this.#object));
  readonly #read = native.ioVectorReadFunction(this.#object);
  readonly #write = native.ioVectorWriteFunction(this.#object);
  #first = 0;
  #end = 0;

  get count(): number {
    return this.#end - this.#first;
  }

  /** The number by which segments name the mapping. A transfer fails with EFAULT once it has been unmapped. */
  attach(mapping: Mapping): number {
    return system(() => native.ioVectorAttach(this.#object, mapping.object));
  }

  /** Forgets all mappings, and the segments in them. */
  detachAll(): void {
    this.clear();
    system(() => native.ioVectorDetachAll(this.#object));
  }

  clear(): void {
    this.#first = 0;
    this.#end = 0;
  }

  /** Adds `length` bytes at `offset` of an attached mapping; false where the list is full. */
  append(mapping: number, offset: number, length: number): boolean {
    if (this.count === MAX_TRANSFER_SEGMENTS) return false;
    if (this.#end === CAPACITY) this.#moveToFront();
    const at = this.#end++ * WORDS;
    this.#words[at] = mapping;
    this.#words[at + 1] = offset;
    this.#words[at + 2] = length;
    return true;
  }

  /** Takes `count` segments off the front. */
  dropFirst(count: number): void {
    this.#first += Math.min(count, this.count);
  }

  /** Takes `count` segments off the end. */
  dropLast(count: number): void {
    this.#end -= Math.min(count, this.count);
  }

  /** Reads once into the segments, in order: bytes read, or a negative errno (EAGAIN too; EFAULT for a bad segment). */
  readFrom(fd: number): number {
    return this.#read(fd, this.#first, this.count);
  }

  /** Writes the segments once, in order: bytes written (maybe fewer than there are), or a negative errno. */
  writeTo(fd: number): number {
    return this.#write(fd, this.#first, this.count);
  }

  #moveToFront(): void {
    this.#words.copyWithin(0, this.#first * WORDS, this.#end * WORDS);
    this.#end -= this.#first;
    this.#first = 0;
  }
}
