/** The header of every message: request u32, flags u32, size u32. */
import { VhostUserProtocolError } from '../errors.js';

export const HEADER_BYTES = 12;
/** More than any payload of the specification needs. */
export const MAX_PAYLOAD_BYTES = 4096;

export const HeaderFlag = {
  /** Bits 0 and 1. */
  version: 1,
  versionMask: 3,
  reply: 4,
  /** With REPLY_ACK: an answer is wanted where the request has none of its own. */
  needReply: 8,
} as const;

export interface Header {
  readonly request: number;
  readonly flags: number;
  /** Bytes of payload. */
  readonly size: number;
}

/** Header and payload in one piece, as peers want it sent. */
export function encodeMessage(request: number, flags: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, request, true);
  view.setUint32(4, flags | HeaderFlag.version, true);
  view.setUint32(8, payload.length, true);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** `bytes` holds HEADER_BYTES. Throws VhostUserProtocolError for another version and for a payload that is too long. */
export function decodeHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const header = { request: view.getUint32(0, true), flags: view.getUint32(4, true), size: view.getUint32(8, true) };
  if ((header.flags & HeaderFlag.versionMask) !== HeaderFlag.version)
    throw new VhostUserProtocolError(
      `request ${header.request}: flags 0x${header.flags.toString(16)} are not version 1`,
    );
  if (header.size > MAX_PAYLOAD_BYTES)
    throw new VhostUserProtocolError(`request ${header.request}: a payload of ${header.size} bytes is too long`);
  return header;
}
