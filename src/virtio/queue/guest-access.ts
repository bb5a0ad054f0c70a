/**
 * Loads and stores of guest memory: a ring, or a region. Little-endian, as x86-64 is.
 *
 * The driver writes the same memory at the same time. Plain accesses through `halves` and `words` are neither torn (they
 * are aligned) nor ordered by the language. What orders them is an ordered access beside them: `acquire` before what a
 * driver made visible is read, `publish` after what it will read has been written. Both are sequentially consistent, so
 * that a publish and a later acquire of another place cannot be swapped: the full fence of notification suppression.
 */
export interface GuestAccess {
  /** False once the memory has been unmapped: ordered accesses would throw. */
  readonly usable: boolean;
  /** 16 bits at a time. */
  readonly halves: Uint16Array;
  /** 32 bits at a time. */
  readonly words: Uint32Array;
  acquire16(index: number): number;
  acquire32(index: number): number;
  publish16(index: number, value: number): void;
  publish32(index: number, value: number): void;
  /** Copies `length` bytes from `offset` to `target` at `at`. */
  copyTo(offset: number, length: number, target: Uint8Array, at: number): void;
  /** Copies `length` bytes of `source` from `at` to `offset`. */
  copyFrom(offset: number, length: number, source: Uint8Array, at: number): void;
  fill(offset: number, length: number, value: number): void;
}

/** Up to here a loop is faster than a view, and makes no object. In bytes. */
const SMALL_COPY = 64;

/** The memory itself. */
export class DirectAccess implements GuestAccess {
  declare readonly bytes: Uint8Array;
  declare readonly halves: Uint16Array;
  declare readonly words: Uint32Array;

  /** `offset` is a multiple of 2; where it is not one of 4 there are no words. */
  constructor(buffer: ArrayBufferLike, offset: number, length: number) {
    this.bytes = new Uint8Array(buffer, offset, length);
    this.halves = new Uint16Array(buffer, offset, Math.floor(length / 2));
    this.words = offset % 4 === 0 ? new Uint32Array(buffer, offset, Math.floor(length / 4)) : NO_WORDS;
  }

  get usable(): boolean {
    return this.bytes.length !== 0;
  }

  acquire16(index: number): number {
    return Atomics.load(this.halves, index);
  }

  acquire32(index: number): number {
    return Atomics.load(this.words, index);
  }

  publish16(index: number, value: number): void {
    Atomics.store(this.halves, index, value);
  }

  publish32(index: number, value: number): void {
    Atomics.store(this.words, index, value);
  }

  copyTo(offset: number, length: number, target: Uint8Array, at: number): void {
    if (length > SMALL_COPY) target.set(this.bytes.subarray(offset, offset + length), at);
    else for (let i = 0; i < length; i++) target[at + i] = this.bytes[offset + i]!;
  }

  copyFrom(offset: number, length: number, source: Uint8Array, at: number): void {
    if (at === 0 && length === source.length) this.bytes.set(source, offset);
    else if (length > SMALL_COPY) this.bytes.set(source.subarray(at, at + length), offset);
    else for (let i = 0; i < length; i++) this.bytes[offset + i] = source[at + i]!;
  }

  fill(offset: number, length: number, value: number): void {
    this.bytes.fill(value, offset, offset + length);
  }
}

const NO_WORDS = new Uint32Array(0);
