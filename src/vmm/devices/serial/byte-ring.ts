/** A ring of bytes in shared memory with one writer and one reader, on any threads. */

const Word = { head: 0, tail: 1, size: 2 } as const;

export class ByteRing {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  /** @param buffer of `ByteRing.bytesFor` bytes, zeroed at first */
  constructor(buffer: SharedArrayBuffer, offset: number, capacity: number) {
    this.#words = new Int32Array(buffer, offset, Word.size);
    this.#bytes = new Uint8Array(buffer, offset + 4 * Word.size, capacity);
  }

  /** Shared memory that a ring of `capacity` bytes (a power of two) takes. */
  static bytesFor(capacity: number): number {
    return 4 * Word.size + capacity;
  }

  get length(): number {
    return (Atomics.load(this.#words, Word.head) - Atomics.load(this.#words, Word.tail)) >>> 0;
  }

  get room(): number {
    return this.#bytes.length - this.length;
  }

  /** False where the ring is full. */
  push(byte: number): boolean {
    if (this.room === 0) return false;
    const head = this.#words[Word.head]!;
    this.#bytes[(head >>> 0) % this.#bytes.length] = byte;
    Atomics.store(this.#words, Word.head, (head + 1) | 0);
    return true;
  }

  /** -1 where the ring is empty. */
  shift(): number {
    if (this.length === 0) return -1;
    const tail = this.#words[Word.tail]!;
    const byte = this.#bytes[(tail >>> 0) % this.#bytes.length]!;
    Atomics.store(this.#words, Word.tail, (tail + 1) | 0);
    return byte;
  }

  /** All that is there, as a copy. */
  takeAll(): Uint8Array {
    return Uint8Array.from({ length: this.length }, () => this.shift());
  }

  /** All that is there, which stays; while the reader does not read. */
  peekAll(): Uint8Array {
    const tail = Atomics.load(this.#words, Word.tail) >>> 0;
    return Uint8Array.from({ length: this.length }, (_, index) => this.#bytes[(tail + index) % this.#bytes.length]!);
  }

  /** Forgets what is there; for the reader. */
  clear(): void {
    Atomics.store(this.#words, Word.tail, Atomics.load(this.#words, Word.head));
  }
}
