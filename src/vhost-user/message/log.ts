/** The dirty log: SET_LOG_BASE. */
import { newPayload, payloadView } from './layout.js';

export const LOG_BYTES = 16;

export interface LogMessage {
  /** In bytes. */
  readonly size: bigint;
  readonly offset: bigint;
}

export function encodeLog({ size, offset }: LogMessage): Uint8Array {
  const { payload, view } = newPayload(LOG_BYTES);
  view.setBigUint64(0, size, true);
  view.setBigUint64(8, offset, true);
  return payload;
}

export function decodeLog(payload: Uint8Array): LogMessage {
  const view = payloadView(payload, LOG_BYTES);
  return { size: view.getBigUint64(0, true), offset: view.getBigUint64(8, true) };
}
