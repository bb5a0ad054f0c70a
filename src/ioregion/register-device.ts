/**
 * The seam between a register device and whatever carries its accesses: a region server, a dispatcher, a VMM's exit
 * handler. Offsets are bytes from the start of the region, sizes are bytes, values are unsigned integers. What a
 * device returns is truncated to the access, so `-1` reads as all ones at every size.
 */

/** A device that answers at once. */
export interface RegisterDevice {
  /** Reads `size` (1, 2 or 4) bytes at `offset`. */
  read(offset: number, size: number): number;
  /** Writes `size` (1, 2 or 4) bytes at `offset`; `value` is below 2^(8 * size). */
  write(offset: number, size: number, value: number): void;
  /** An 8-byte read. Where absent, it becomes two 4-byte reads, low half first. */
  read64?(offset: number): bigint;
  /** An 8-byte write. Where absent, it becomes two 4-byte writes, low half first. */
  write64?(offset: number, value: bigint): void;
  /** What `RegionServerThread.ask` asks, between two accesses, which wait for the answer. It is structured-cloned. */
  ask?(question: unknown): Promise<unknown>;
  /** Releases files and threads: called once, when the thread that served the region is done with it. */
  close?(): void | Promise<void>;
}

/** A device that may answer later, for the event-loop server. Every {@link RegisterDevice} is one. */
export interface AsyncRegisterDevice {
  read(offset: number, size: number): number | Promise<number>;
  write(offset: number, size: number, value: number): void | Promise<void>;
  read64?(offset: number): bigint | Promise<bigint>;
  write64?(offset: number, value: bigint): void | Promise<void>;
}
