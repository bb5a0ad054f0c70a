/** A part of configuration space: GET_CONFIG and SET_CONFIG. */
import { VhostUserProtocolError } from '../errors.js';
import { MAX_CONFIG_BYTES } from '../spec/index.js';
import { newPayload, payloadView } from './layout.js';

const BYTES_AT = 12;

export interface ConfigMessage {
  readonly offset: number;
  /** ConfigFlag. */
  readonly flags: number;
  /** `size` of them; in a GET_CONFIG request their values mean nothing. */
  readonly bytes: Uint8Array;
}

export function encodeConfig({ offset, flags, bytes }: ConfigMessage): Uint8Array {
  const { payload, view } = newPayload(BYTES_AT + bytes.length);
  view.setUint32(0, offset, true);
  view.setUint32(4, bytes.length, true);
  view.setUint32(8, flags, true);
  payload.set(bytes, BYTES_AT);
  return payload;
}

/** Throws VhostUserProtocolError where the size and the bytes that came disagree. */
export function decodeConfig(payload: Uint8Array): ConfigMessage {
  const view = payloadView(payload, BYTES_AT, { padded: true });
  const size = view.getUint32(4, true);
  if (size > MAX_CONFIG_BYTES || payload.length !== BYTES_AT + size)
    throw new VhostUserProtocolError(`${size} byte(s) of configuration in a payload of ${payload.length}`);
  return { offset: view.getUint32(0, true), flags: view.getUint32(8, true), bytes: payload.slice(BYTES_AT) };
}
