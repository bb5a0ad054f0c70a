/** Messages as bytes, with nothing checked. */
import { HEADER_BYTES, HeaderFlag } from '../../vhost-user/index.js';
import type { MockMessage } from './mock-backend.js';

export function encodeMockMessage({ request, payload, flags, size }: MockMessage): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, request, true);
  view.setUint32(4, flags ?? HeaderFlag.version | HeaderFlag.reply, true);
  view.setUint32(8, size ?? payload.length, true);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}
