/** The memory that outlives a backend: GET_INFLIGHT_FD and SET_INFLIGHT_FD. */
import { newPayload, payloadView } from './layout.js';

/** With the padding that a C structure has. */
export const INFLIGHT_BYTES = 24;
const LEAST_BYTES = 20;

export interface InflightMessage {
  /** In bytes. */
  readonly size: bigint;
  readonly offset: bigint;
  readonly queues: number;
  readonly queueSize: number;
}

export function encodeInflight({ size, offset, queues, queueSize }: InflightMessage): Uint8Array {
  const { payload, view } = newPayload(INFLIGHT_BYTES);
  view.setBigUint64(0, size, true);
  view.setBigUint64(8, offset, true);
  view.setUint16(16, queues, true);
  view.setUint16(18, queueSize, true);
  return payload;
}

export function decodeInflight(payload: Uint8Array): InflightMessage {
  const view = payloadView(payload, LEAST_BYTES, { padded: true });
  return {
    size: view.getBigUint64(0, true),
    offset: view.getBigUint64(8, true),
    queues: view.getUint16(16, true),
    queueSize: view.getUint16(18, true),
  };
}
