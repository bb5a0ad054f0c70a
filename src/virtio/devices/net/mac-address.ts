/** Ethernet addresses. */
import { randomBytes } from 'node:crypto';
import { NetOptionError } from './errors.js';

export const MAC_BYTES = 6;

const MULTICAST = 0x01;
const LOCALLY_ADMINISTERED = 0x02;
const MAC_PATTERN = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

/** `52:54:00:12:34:56` as bytes. NetOptionError where it is none, or a multicast address. */
export function parseMac(text: string): Uint8Array {
  const bytes = Uint8Array.from(MAC_PATTERN.test(text) ? text.split(':') : [], (byte) => Number.parseInt(byte, 16));
  if (bytes.length !== MAC_BYTES || isMulticast(bytes[0]!))
    throw new NetOptionError(`mac must be the address of one interface, like 52:54:00:12:34:56, not ${text}`);
  return bytes;
}

export function formatMac(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/..(?=.)/g, '$&:');
}

/** A locally administered address, as good as unique. */
export function randomMac(): Uint8Array {
  const bytes = Uint8Array.from(randomBytes(MAC_BYTES));
  bytes[0] = (bytes[0]! & ~MULTICAST) | LOCALLY_ADMINISTERED;
  return bytes;
}

/** Of an address that begins with this byte; broadcast is one. */
export function isMulticast(firstByte: number): boolean {
  return (firstByte & MULTICAST) !== 0;
}

export function isBroadcast(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < MAC_BYTES; i++) if (bytes[at + i] !== 0xff) return false;
  return true;
}
