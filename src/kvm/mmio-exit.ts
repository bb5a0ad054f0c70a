import { kvmRunMmio } from './uapi/run-structs.js';
import { offsetOf } from './uapi/struct.js';

const MMIO_ADDRESS = offsetOf(kvmRunMmio, 'physAddr');
const MMIO_DATA = offsetOf(kvmRunMmio, 'data');
const MMIO_LENGTH = offsetOf(kvmRunMmio, 'len');
const MMIO_IS_WRITE = offsetOf(kvmRunMmio, 'isWrite');

const TWO_POW_32 = 2 ** 32;

/** The lowest `size` (1, 2 or 4) bytes of a 32-bit number, unsigned. */
const truncate = (value: number, size: number): number => (size >= 4 ? value : value & (2 ** (8 * size) - 1)) >>> 0;

/** Live view of a KVM_EXIT_MMIO; nothing here allocates. */
export class MmioExit {
  readonly #page: DataView;
  /** The eight data bytes; the first `size` count. */
  readonly bytes: Uint8Array;

  constructor(page: DataView) {
    this.#page = page;
    this.bytes = new Uint8Array(page.buffer, MMIO_DATA, 8);
  }

  /** Guest-physical address; exact up to 2^53, which is more than any CPU has. */
  get address(): number {
    return this.#page.getUint32(MMIO_ADDRESS, true) + this.#page.getUint32(MMIO_ADDRESS + 4, true) * TWO_POW_32;
  }

  /** 1 to 8 bytes: an access that crosses a page comes as two exits, of any size. */
  get size(): number {
    return this.#page.getUint32(MMIO_LENGTH, true);
  }

  get isWrite(): boolean {
    return this.#page.getUint8(MMIO_IS_WRITE) !== 0;
  }

  /** The data of an access of up to 4 bytes as an unsigned number; of a wider one the lower half. */
  get value(): number {
    return truncate(this.low, this.size);
  }

  /** Answers a read; for 8 bytes the upper half becomes zero. */
  set value(value: number) {
    this.low = value;
    this.high = 0;
  }

  get low(): number {
    return this.#page.getUint32(MMIO_DATA, true);
  }

  set low(value: number) {
    this.#page.setUint32(MMIO_DATA, value, true);
  }

  get high(): number {
    return this.#page.getUint32(MMIO_DATA + 4, true);
  }

  set high(value: number) {
    this.#page.setUint32(MMIO_DATA + 4, value, true);
  }
}
