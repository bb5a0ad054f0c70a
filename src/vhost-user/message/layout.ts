/** Views of payloads whose length has been checked. */
import { VhostUserProtocolError } from '../errors.js';

/** A view of a payload that must be `size` bytes, or more where peers pad it. */
export function payloadView(payload: Uint8Array, size: number, { padded = false } = {}): DataView {
  if (payload.length < size || (payload.length > size && !padded))
    throw new VhostUserProtocolError(`a payload of ${payload.length} byte(s), where ${size} are expected`);
  return new DataView(payload.buffer, payload.byteOffset, payload.length);
}

/** A payload to fill. */
export function newPayload(size: number): { payload: Uint8Array; view: DataView } {
  const payload = new Uint8Array(size);
  return { payload, view: new DataView(payload.buffer) };
}
