/** Translations of I/O virtual addresses (VIRTIO_F_ACCESS_PLATFORM), as the frontend gives and takes them. */
import { GuestMemory, MemoryRegion } from '../../memory/index.js';
import { closeAll, type Mapping, undoOnFailure } from '../../native/index.js';
import { VhostUserRequestError } from '../errors.js';
import type { IotlbMessage } from '../message/index.js';
import { IotlbAccess } from '../spec/index.js';
import type { MemorySlots } from './memory-slots.js';

/**
 * The oldest one goes when there would be more: it is asked for again. A request of 1280 KiB, Linux's longest, takes 320 of
 * a page each, and all of them at the same time.
 */
const MAX_ENTRIES = 1024;

export type IovaRange = Pick<IotlbMessage, 'iova' | 'size'>;

/** Both ends of a range. All of 2^64 bytes, as QEMU takes them back when Linux flushes a domain, have the size 0. */
export function addressesOf({ iova, size }: IovaRange): { first: bigint; last: bigint } {
  const last = BigInt.asUintN(64, iova + size - 1n);
  return { first: iova, last: last < iova ? 2n ** 64n - 1n : last };
}

interface Entry {
  readonly iova: number;
  readonly size: number;
  /** Guest address of the first byte. */
  readonly guest: number;
  /** A mapping of its own: the queues find memory at the address that the driver uses. */
  readonly region: MemoryRegion;
}

export class Iotlb {
  readonly #slots: MemorySlots;
  #entries: Entry[] = [];
  #memory = GuestMemory.ofRegions([]);

  constructor(slots: MemorySlots) {
    this.#slots = slots;
  }

  /** What is translated, by I/O virtual address; another object after each change. */
  get memory(): GuestMemory {
    return this.#memory;
  }

  /** The guest address behind an I/O virtual one; null where that is not translated. */
  toGuest(iova: number): number | null {
    const entry = this.#entries.find(({ iova: start, size }) => iova >= start && iova - start < size);
    return entry === undefined ? null : entry.guest + (iova - entry.iova);
  }

  /** Whether an address is translated, for writing where that is asked for. */
  has(iova: number, writing: boolean): boolean {
    const entry = this.#entries.find(({ iova: start, size }) => iova >= start && iova - start < size);
    return entry !== undefined && !(writing && entry.region.readonly);
  }

  /** Adds a translation, in place of those it overlaps. The queues have stopped. */
  update({ iova, size, userAddress, access }: IotlbMessage): void {
    const readonly = (access & IotlbAccess.write) === 0;
    undoOnFailure((undo) => {
      const found = this.#slots.mapUser(userAddress, size, (mapping: Mapping) => undo.use(mapping));
      if (found === null || iova + size > 2n ** 52n)
        throw new VhostUserRequestError(`IOTLB: 0x${userAddress.toString(16)}, ${size} byte(s), is not in one region`);
      const region = new MemoryRegion(Number(iova), found.mapping, readonly);
      this.invalidate({ iova, size });
      while (this.#entries.length >= MAX_ENTRIES) this.#drop(this.#entries.slice(0, 1));
      this.#entries.push({ iova: Number(iova), size: Number(size), guest: Number(found.guest), region });
      this.#join();
    });
  }

  /** Drops every translation that has an address in the range. The queues have stopped. */
  invalidate(range: IovaRange): void {
    const { first, last } = addressesOf(range);
    this.#drop(this.#entries.filter(({ iova, size }) => BigInt(iova) <= last && first < BigInt(iova + size)));
  }

  /** Drops all: what they were made of may have changed. */
  clear(): void {
    this.#drop(this.#entries);
  }

  #drop(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    this.#entries = this.#entries.filter((entry) => !entries.includes(entry));
    this.#join();
    closeAll(entries.map(({ region }) => region.mapping));
  }

  #join(): void {
    this.#memory = GuestMemory.ofRegions(this.#entries.map(({ region }) => region));
  }
}
