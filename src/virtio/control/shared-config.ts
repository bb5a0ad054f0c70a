/**
 * Device configuration space as the driver reads it, with its generation: one writer, the device's thread; readers on any.
 * The writer makes the sequence odd, copies, and makes it even again.
 */

const Word = { sequence: 0, length: 1, bytes: 2 } as const;
/** An update is a copy of a few hundred bytes: whoever waits longer waits for a thread that is gone. */
const MAX_SPINS = 100_000;
const GENERATION_MASK = 0xff;

export class SharedConfig {
  readonly buffer: SharedArrayBuffer;
  /** In bytes. */
  readonly length: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  private constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, Word.bytes);
    this.length = this.#words[Word.length]!;
    this.#bytes = new Uint8Array(buffer, 4 * Word.bytes, this.length);
  }

  static create(bytes: Uint8Array): SharedConfig {
    const buffer = new SharedArrayBuffer(4 * Word.bytes + bytes.length);
    new Int32Array(buffer, 0, Word.bytes)[Word.length] = bytes.length;
    const config = new SharedConfig(buffer);
    config.#bytes.set(bytes);
    return config;
  }

  static open(buffer: SharedArrayBuffer): SharedConfig {
    return new SharedConfig(buffer);
  }

  /**
   * 8 bits (4.1.4.3). Waits for the end of an update, so that a driver which finds the same generation before and after its
   * reads has read one state (2.5.1).
   */
  get generation(): number {
    let sequence = Atomics.load(this.#words, Word.sequence);
    for (let spins = 0; (sequence & 1) !== 0 && spins < MAX_SPINS; spins++) {
      sequence = Atomics.load(this.#words, Word.sequence);
    }
    return (sequence >>> 1) & GENERATION_MASK;
  }

  /** The little-endian value of `size` (1, 2 or 4) bytes that lie inside. */
  read(offset: number, size: number): number {
    let value = 0;
    for (let at = size - 1; at >= 0; at--) value = (value << 8) | this.#bytes[offset + at]!;
    return value >>> 0;
  }

  /** What the driver reads from now on, as one change. */
  publish(bytes: Uint8Array): void {
    Atomics.add(this.#words, Word.sequence, 1);
    this.#bytes.set(bytes.subarray(0, this.length));
    Atomics.add(this.#words, Word.sequence, 1);
  }

  /** Whether `publish` would change what the driver reads. */
  differs(bytes: Uint8Array): boolean {
    return this.#bytes.some((byte, at) => byte !== bytes[at]);
  }
}
