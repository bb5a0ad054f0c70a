/** System description tables: the header that all have, and how they are summed. */
import { type Aml, aml, bytesOf, little } from './aml.js';

const HEADER_BYTES = 36;
const CHECKSUM = 9;
const OEM_ID = 'IOREGN';
const OEM_TABLE_ID = 'IOREGION';

/** A table with its header and checksum (ACPI 6.5, 5.2.6). */
export function table(signature: string, revision: number, body: Aml): Uint8Array {
  const oem = OEM_ID + OEM_TABLE_ID + little(1, 4);
  const creator = `IORG${little(1, 4)}`;
  const head = signature + little(HEADER_BYTES + body.length, 4) + aml(revision, 0) + oem + creator;
  return withChecksum(bytesOf(head + body), CHECKSUM);
}

/** Sets the byte at `at` so that all of `bytes` sum to zero. */
export function withChecksum(bytes: Uint8Array, at: number): Uint8Array {
  bytes[at] = 0;
  bytes[at] = -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return bytes;
}
