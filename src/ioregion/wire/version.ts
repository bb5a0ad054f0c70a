/**
 * The head of a command in the two revisions of the protocol, and how they are told apart message by message.
 *
 *     v2  u32: bits 0-3 command, bits 4-5 size code, bit 6 response wanted, the rest zero
 *     v3  byte 0 command; byte 1: bits 0-3 size code, bit 4 response wanted; the rest zero
 *
 * A v3 peer never sets bits 4-6 and a v2 peer never sets bits 8-12, so a head with one of the former is v2 and any
 * other is v3. The only head both produce, 0x0001 (a posted 1-byte or sizeless write), means the same in both.
 */
export type WireVersion = 2 | 3;

/** Where a revision keeps the fields of its head. */
export interface HeadLayout {
  readonly version: WireVersion;
  readonly commandMask: number;
  readonly sizeShift: number;
  readonly sizeMask: number;
  readonly responseBit: number;
  /** Bits that are zero in every command. */
  readonly reserved: number;
}

export const HEAD_V2: HeadLayout = {
  version: 2,
  commandMask: 0x0f,
  sizeShift: 4,
  sizeMask: 0x03,
  responseBit: 0x40,
  reserved: ~0x7f,
};

export const HEAD_V3: HeadLayout = {
  version: 3,
  commandMask: 0xff,
  sizeShift: 8,
  sizeMask: 0x0f,
  responseBit: 0x1000,
  reserved: ~0x1fff,
};

const ONLY_V2 = 0x0070;
const ONLY_V3 = 0x1f00;

/** The layout that reads `head`; null where it carries bits that only v2 sets and bits that only v3 sets. */
export function detectHead(head: number): HeadLayout | null {
  if ((head & ONLY_V2) === 0) return HEAD_V3;
  return (head & ONLY_V3) === 0 ? HEAD_V2 : null;
}

/** The layout of a known revision. */
export function headOf(version: WireVersion): HeadLayout {
  return version === 2 ? HEAD_V2 : HEAD_V3;
}
