/** An entry of the IOTLB, asked for, given, or taken back: IOTLB_MSG of either side. */
import { newPayload, payloadView } from './layout.js';

/** With the padding that a C structure has. */
export const IOTLB_BYTES = 32;
const LEAST_BYTES = 26;

export interface IotlbMessage {
  readonly iova: bigint;
  /** In bytes. */
  readonly size: bigint;
  readonly userAddress: bigint;
  /** Bits of IotlbAccess. */
  readonly access: number;
  /** IotlbType. */
  readonly type: number;
}

export function encodeIotlb({ iova, size, userAddress, access, type }: IotlbMessage): Uint8Array {
  const { payload, view } = newPayload(IOTLB_BYTES);
  view.setBigUint64(0, iova, true);
  view.setBigUint64(8, size, true);
  view.setBigUint64(16, userAddress, true);
  view.setUint8(24, access);
  view.setUint8(25, type);
  return payload;
}

export function decodeIotlb(payload: Uint8Array): IotlbMessage {
  const view = payloadView(payload, LEAST_BYTES, { padded: true });
  return {
    iova: view.getBigUint64(0, true),
    size: view.getBigUint64(8, true),
    userAddress: view.getBigUint64(16, true),
    access: view.getUint8(24),
    type: view.getUint8(25),
  };
}
