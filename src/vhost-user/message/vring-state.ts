/** A vring and a number: its size, base, whether it is enabled. */
import { newPayload, payloadView } from './layout.js';

export const VRING_STATE_BYTES = 8;

export interface VringState {
  readonly index: number;
  readonly value: number;
}

export function encodeVringState({ index, value }: VringState): Uint8Array {
  const { payload, view } = newPayload(VRING_STATE_BYTES);
  view.setUint32(0, index, true);
  view.setUint32(4, value, true);
  return payload;
}

export function decodeVringState(payload: Uint8Array): VringState {
  const view = payloadView(payload, VRING_STATE_BYTES);
  return { index: view.getUint32(0, true), value: view.getUint32(4, true) };
}
