/**
 * The two messages of the ioregionfd protocol, 32 bytes each, as 32-bit words in host byte order. This package runs on
 * little-endian hosts, where both revisions put user data, offset and data at the same place and only the first word
 * (the head) differs.
 *
 *     command   byte 0  head              response  byte 0  data, u64
 *               byte 4  zero                        byte 8  zero, 24 bytes
 *               byte 8  user data, u64
 *               byte 16 offset, u64
 *               byte 24 data, u64
 */

/** Bytes of a command, and of a response. */
export const MESSAGE_SIZE = 32;

/** The same in 32-bit words. */
export const MESSAGE_WORDS = MESSAGE_SIZE / 4;

/** Word indexes within a command; each u64 is two words, low half first. */
export const CommandWord = { head: 0, padding: 1, userData: 2, offset: 4, data: 6 } as const;

/** Word indexes within a response. */
export const ResponseWord = { data: 0, padding: 2 } as const;

/** Command codes, common to both revisions. */
export const CommandKind = { read: 0, write: 1 } as const;
export type CommandKind = (typeof CommandKind)[keyof typeof CommandKind];

/** The view of `count` messages from `byteOffset` (a multiple of 4) of a batch area that the codec works on. */
export function messageWords(area: ArrayBuffer, byteOffset: number, count: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(area, byteOffset, count * MESSAGE_WORDS);
}
