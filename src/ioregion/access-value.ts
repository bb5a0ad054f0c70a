/**
 * The value of one access, up to 64 bits, as two unsigned 32-bit halves. One is made per server and reused: the halves
 * live in a typed array, where a u32 needs no heap number and a bigint is only made for who asks for one.
 */
export class AccessValue {
  readonly #halves = new Uint32Array(2);
  /** The same 8 bytes; low half first, as the hosts this package supports (x86-64) are little-endian. */
  readonly #whole = new BigUint64Array(this.#halves.buffer);

  get low(): number {
    return this.#halves[0]!;
  }

  get high(): number {
    return this.#halves[1]!;
  }

  get bigint(): bigint {
    return this.#whole[0]!;
  }

  /** Each half is taken modulo 2^32. */
  set(low: number, high: number): void {
    this.#halves[0] = low;
    this.#halves[1] = high;
  }

  /** Taken modulo 2^64. */
  setBigint(value: bigint): void {
    this.#whole[0] = value;
  }

  /** Takes the first `size` (1, 2, 4 or 8) bytes of the halves given; the others become zero. */
  setTruncated(size: number, low: number, high: number): void {
    this.set(truncate(low, size), size === 8 ? high : 0);
  }
}

/** The low `size` bytes of `value`, unsigned; 4 where `size` is more than 2. */
export function truncate(value: number, size: number): number {
  if (size === 1) return value & 0xff;
  if (size === 2) return value & 0xffff;
  return value >>> 0;
}
