/** Where device state goes or comes from: SET_DEVICE_STATE_FD. */
import { newPayload, payloadView } from './layout.js';

export const DEVICE_STATE_BYTES = 8;

export interface DeviceStateMessage {
  /** TransferDirection. */
  readonly direction: number;
  /** TransferPhase. */
  readonly phase: number;
}

export function encodeDeviceState({ direction, phase }: DeviceStateMessage): Uint8Array {
  const { payload, view } = newPayload(DEVICE_STATE_BYTES);
  view.setUint32(0, direction, true);
  view.setUint32(4, phase, true);
  return payload;
}

export function decodeDeviceState(payload: Uint8Array): DeviceStateMessage {
  const view = payloadView(payload, DEVICE_STATE_BYTES);
  return { direction: view.getUint32(0, true), phase: view.getUint32(4, true) };
}
