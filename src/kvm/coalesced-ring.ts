import { KvmCoalescedRingError } from './errors.js';
import { offsetOf } from './uapi/struct.js';
import { kvmCoalescedMmio, kvmCoalescedMmioRing } from './uapi/vm-structs.js';

const RING_BYTES = 4096;
const HEAD_BYTES = kvmCoalescedMmioRing.size;
const ENTRY_BYTES = kvmCoalescedMmio.size;
/** Entries in the ring; one always stays empty. */
const CAPACITY = Math.floor((RING_BYTES - HEAD_BYTES) / ENTRY_BYTES);

const FIRST = offsetOf(kvmCoalescedMmioRing, 'first') / 4;
const LAST = offsetOf(kvmCoalescedMmioRing, 'last') / 4;

const ADDRESS = offsetOf(kvmCoalescedMmio, 'physAddr');
const LENGTH = offsetOf(kvmCoalescedMmio, 'len');
const PIO = offsetOf(kvmCoalescedMmio, 'pio');
const DATA = offsetOf(kvmCoalescedMmio, 'data');

const MAX_ACCESS_BYTES = 8;
const TWO_POW_32 = 2 ** 32;

/** One write from the ring. The object is the same for every entry: use it only inside the callback. */
export class CoalescedWrite {
  readonly #ring: DataView;
  #entry = HEAD_BYTES;

  constructor(ring: DataView) {
    this.#ring = ring;
  }

  /** Points the object at another entry. */
  moveTo(index: number): void {
    this.#entry = HEAD_BYTES + index * ENTRY_BYTES;
  }

  get isPio(): boolean {
    return this.#ring.getUint32(this.#entry + PIO, true) !== 0;
  }

  /** Guest-physical address or port. */
  get address(): number {
    const offset = this.#entry + ADDRESS;
    return this.#ring.getUint32(offset, true) + this.#ring.getUint32(offset + 4, true) * TWO_POW_32;
  }

  /** Bytes, 1 to 8. */
  get size(): number {
    return this.#ring.getUint32(this.#entry + LENGTH, true);
  }

  /** Lower half of the data; bytes beyond `size` mean nothing. */
  get low(): number {
    return this.#ring.getUint32(this.#entry + DATA, true);
  }

  get high(): number {
    return this.#ring.getUint32(this.#entry + DATA + 4, true);
  }
}

/**
 * The reader of a VM's coalesced MMIO ring. All vCPUs of a VM show the same ring, so only one reader may drain at a
 * time, and it does so before it handles any exit, to keep the guest's order.
 */
export class CoalescedRing {
  readonly #indices: Uint32Array;
  readonly #write: CoalescedWrite;

  /**
   * @param buffer the mapping of a vCPU descriptor
   * @param page the ring's page in it: what `capability('KVM_CAP_COALESCED_MMIO')` says
   */
  constructor(buffer: ArrayBuffer, page: number) {
    this.#indices = new Uint32Array(buffer, page * RING_BYTES, HEAD_BYTES / 4);
    this.#write = new CoalescedWrite(new DataView(buffer, page * RING_BYTES, RING_BYTES));
  }

  /**
   * Gives each waiting write to `handle`, oldest first, and frees its entry afterwards. Returns how many there were.
   *
   * @throws KvmCoalescedRingError where an index or a length is impossible: the page is writable by this process
   */
  drain(handle: (write: CoalescedWrite) => void): number {
    let count = 0;
    let first = this.#index(FIRST);
    const last = this.#index(LAST);
    for (; first !== last; count++) {
      this.#take(first, handle);
      first = (first + 1) % CAPACITY;
      Atomics.store(this.#indices, FIRST, first);
    }
    return count;
  }

  #take(index: number, handle: (write: CoalescedWrite) => void): void {
    this.#write.moveTo(index);
    const { size } = this.#write;
    if (size === 0 || size > MAX_ACCESS_BYTES) throw new KvmCoalescedRingError('length', size);
    handle(this.#write);
  }

  #index(which: number): number {
    const index = Atomics.load(this.#indices, which);
    if (index >= CAPACITY) throw new KvmCoalescedRingError(which === FIRST ? 'first' : 'last', index);
    return index;
  }
}
