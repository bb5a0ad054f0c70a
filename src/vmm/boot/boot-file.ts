/** A file to boot from, read in parts: what is for the guest goes into its memory at once, without a copy in between. */
import type { GuestMemory } from '../../memory/index.js';

export interface BootFile {
  /** Bytes. */
  readonly length: number;
  /** Fills `into` with what is at `offset`; all of it lies in the file. @throws MachineFileError */
  read(offset: number, into: Uint8Array): void;
  /** The same into guest memory: `length` bytes from `gpa` on. @throws GuestAddressError, MachineFileError */
  load(offset: number, length: number, memory: GuestMemory, gpa: number): void;
}

/** A file that is in memory. */
export class BootBytes implements BootFile {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  read(offset: number, into: Uint8Array): void {
    into.set(this.#bytes.subarray(offset, offset + into.length));
  }

  load(offset: number, length: number, memory: GuestMemory, gpa: number): void {
    memory.load(gpa, this.#bytes.subarray(offset, offset + length));
  }
}

/** A copy of a part: less than `length` bytes where the file ends before. */
export function partOf(file: BootFile, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(Math.min(length, file.length - offset), 0));
  file.read(offset, bytes);
  return bytes;
}
