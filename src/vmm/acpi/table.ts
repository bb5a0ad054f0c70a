/** System description tables: the header that all have, and how they are summed. */
import { type Aml, little } from './aml.js';

const HEADER_BYTES = 36;
const CHECKSUM = 9;
const OEM_ID = 'IOREGN';
const OEM_TABLE_ID = 'IOREGION';

export const ascii = (text: string): Aml => [...text].map((character) => character.charCodeAt(0));

/** A table with its header and checksum (ACPI 6.5, 5.2.6). */
export function table(signature: string, revision: number, body: Aml): Uint8Array {
  const length = HEADER_BYTES + body.length;
  const creator = [...ascii('IORG'), ...little(1, 4)];
  const oem = [...ascii(OEM_ID), ...ascii(OEM_TABLE_ID), ...little(1, 4)];
  const bytes = [...ascii(signature), ...little(length, 4), revision, 0, ...oem, ...creator, ...body];
  return withChecksum(Uint8Array.from(bytes), CHECKSUM);
}

/** Sets the byte at `at` so that all of `bytes` sum to zero. */
export function withChecksum(bytes: Uint8Array, at: number): Uint8Array {
  bytes[at] = 0;
  bytes[at] = -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return bytes;
}
