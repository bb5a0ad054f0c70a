import { IO_OUT, kvmRunIo } from './uapi/run-structs.js';
import { offsetOf } from './uapi/struct.js';

const IO_DIRECTION = offsetOf(kvmRunIo, 'direction');
const IO_SIZE = offsetOf(kvmRunIo, 'size');
const IO_PORT = offsetOf(kvmRunIo, 'port');
const IO_COUNT = offsetOf(kvmRunIo, 'count');
const IO_DATA_OFFSET = offsetOf(kvmRunIo, 'dataOffset');

/** Live view of a KVM_EXIT_IO; nothing here allocates except `bytes`. */
export class IoExit {
  readonly #page: DataView;

  constructor(page: DataView) {
    this.#page = page;
  }

  /** OUT (the guest writes) or IN (the guest waits for data). */
  get isWrite(): boolean {
    return this.#page.getUint8(IO_DIRECTION) === IO_OUT;
  }

  /** Bytes of one element: 1, 2 or 4. */
  get size(): number {
    return this.#page.getUint8(IO_SIZE);
  }

  get port(): number {
    return this.#page.getUint16(IO_PORT, true);
  }

  /** Elements: 1, or more for a string instruction with a REP prefix. */
  get count(): number {
    return this.#page.getUint32(IO_COUNT, true);
  }

  /** Byte offset of the elements in the kvm_run mapping. */
  get dataOffset(): number {
    return this.#page.getUint32(IO_DATA_OFFSET, true);
  }

  /** Element `index` as an unsigned number. RangeError where the page has no such element. */
  value(index = 0): number {
    const { size } = this;
    const offset = this.dataOffset + index * size;
    if (size === 1) return this.#page.getUint8(offset);
    return size === 2 ? this.#page.getUint16(offset, true) : this.#page.getUint32(offset, true);
  }

  /** Answers element `index` of an IN; bits above its size are dropped. */
  setValue(value: number, index = 0): void {
    const { size } = this;
    const offset = this.dataOffset + index * size;
    if (size === 1) this.#page.setUint8(offset, value);
    else if (size === 2) this.#page.setUint16(offset, value, true);
    else this.#page.setUint32(offset, value, true);
  }

  /** All elements, as a new view of the page. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.#page.buffer, this.dataOffset, this.size * this.count);
  }
}
