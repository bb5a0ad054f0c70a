/** Four-level page tables that map the lowest guest memory to itself in pages of 2 MiB. */
const PRESENT = 1n;
const WRITABLE = 1n << 1n;
const USER = 1n << 2n;
const LARGE = 1n << 7n;

const TABLE_BYTES = 4096;
const ENTRIES = 512;
const LARGE_PAGE_BYTES = 1n << 21n;

/** Bytes of guest memory that `identityMap` fills: a PML4, a PDPT and a page directory for each GiB. */
export const identityMapBytes = (gib: number): number => (2 + gib) * TABLE_BYTES;

/**
 * Page tables for the first `gib` (1 to 512) GiB, readable and writable at every privilege. The bytes belong at `gpa`
 * (a multiple of 4096), which is also the CR3.
 */
export function identityMap(gpa: number, gib: number): Uint8Array {
  if (!Number.isInteger(gib) || gib < 1 || gib > ENTRIES) throw new RangeError(`gib = ${gib}, must be 1 to ${ENTRIES}`);
  const access = PRESENT | WRITABLE | USER;
  const bytes = new Uint8Array(identityMapBytes(gib));
  const entries = new BigUint64Array(bytes.buffer);
  entries[0] = BigInt(gpa + TABLE_BYTES) | access;
  for (let i = 0; i < gib; i++) entries[ENTRIES + i] = BigInt(gpa + (2 + i) * TABLE_BYTES) | access;
  for (let page = 0; page < gib * ENTRIES; page++) {
    entries[2 * ENTRIES + page] = (BigInt(page) * LARGE_PAGE_BYTES) | access | LARGE;
  }
  return bytes;
}
