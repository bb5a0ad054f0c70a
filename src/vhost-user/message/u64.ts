/** One 64-bit number: features, sizes, results. */
import { newPayload, payloadView } from './layout.js';

export const U64_BYTES = 8;

export function encodeU64(value: bigint | number): Uint8Array {
  const { payload, view } = newPayload(U64_BYTES);
  view.setBigUint64(0, BigInt(value), true);
  return payload;
}

export function decodeU64(payload: Uint8Array): bigint {
  return payloadView(payload, U64_BYTES).getBigUint64(0, true);
}
