/** The data of a command, read from front to end in copies. */
import type { ChainBuffers } from '../../queue/index.js';

export class CommandData {
  readonly #buffers: ChainBuffers;
  #position: number;

  constructor(buffers: ChainBuffers, position: number) {
    this.#buffers = buffers;
    this.#position = position;
  }

  /** The next `count` bytes, or null where there are fewer. The caller bounds `count`, not the driver. */
  take(count: number): Uint8Array | null {
    if (count > this.#left) return null;
    const bytes = new Uint8Array(count);
    const copied = this.#buffers.copyTo(bytes, this.#position);
    this.#position += count;
    return copied === count ? bytes : null;
  }

  /** The next little-endian integer of 1, 2, 4 or 8 bytes, or null. */
  integer(bytes: number): bigint | null {
    const taken = this.take(bytes);
    return taken === null ? null : taken.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  /** False where there are fewer. */
  skip(count: number): boolean {
    if (count > this.#left) return false;
    this.#position += count;
    return true;
  }

  get #left(): number {
    return this.#buffers.byteLength - this.#position;
  }
}
