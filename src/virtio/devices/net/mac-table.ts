/** A table of Ethernet addresses that is looked through for each packet. */
import { MAC_BYTES } from './mac-address.js';

/** Drivers rarely have more; with more, the table matches all: best effort is what the driver is promised (5.1.6.5.2). */
export const MAC_TABLE_SIZE = 64;
export const MAC_TABLE_BYTES = MAC_TABLE_SIZE * MAC_BYTES;

/** Plain data. */
export interface SavedMacTable {
  /** 6 bytes each. */
  addresses: Uint8Array;
  matchesAll: boolean;
}

export class MacTable {
  readonly #addresses = new Uint8Array(MAC_TABLE_BYTES);
  #length = 0;
  #matchesAll = false;

  /** Replaces the table: at most MAC_TABLE_SIZE addresses, 6 bytes each, or all there are. */
  set({ addresses, matchesAll }: SavedMacTable): void {
    this.#addresses.set(addresses);
    this.#length = addresses.length;
    this.#matchesAll = matchesAll;
  }

  clear(): void {
    this.#length = 0;
    this.#matchesAll = false;
  }

  /** Whether the address at position `at` of `bytes` is in the table. */
  has(bytes: Uint8Array, at: number): boolean {
    for (let entry = 0; entry < this.#length; entry += MAC_BYTES) if (this.#matches(entry, bytes, at)) return true;
    return this.#matchesAll;
  }

  #matches(entry: number, bytes: Uint8Array, at: number): boolean {
    for (let i = 0; i < MAC_BYTES; i++) if (this.#addresses[entry + i] !== bytes[at + i]) return false;
    return true;
  }

  save(): SavedMacTable {
    return { addresses: this.#addresses.slice(0, this.#length), matchesAll: this.#matchesAll };
  }
}
