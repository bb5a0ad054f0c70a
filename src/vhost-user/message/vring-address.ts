/** Where a vring is: SET_VRING_ADDR. */
import { newPayload, payloadView } from './layout.js';

export const VRING_ADDRESS_BYTES = 40;

export interface VringAddress {
  readonly index: number;
  /** VRING_LOG_USED. */
  readonly flags: number;
  /** User addresses of the frontend; I/O virtual addresses with VIRTIO_F_ACCESS_PLATFORM. */
  readonly descriptors: bigint;
  readonly used: bigint;
  readonly available: bigint;
  /** Guest address at which writes to the used ring are logged. */
  readonly log: bigint;
}

export function encodeVringAddress(address: VringAddress): Uint8Array {
  const { payload, view } = newPayload(VRING_ADDRESS_BYTES);
  view.setUint32(0, address.index, true);
  view.setUint32(4, address.flags, true);
  view.setBigUint64(8, address.descriptors, true);
  view.setBigUint64(16, address.used, true);
  view.setBigUint64(24, address.available, true);
  view.setBigUint64(32, address.log, true);
  return payload;
}

export function decodeVringAddress(payload: Uint8Array): VringAddress {
  const view = payloadView(payload, VRING_ADDRESS_BYTES);
  return {
    index: view.getUint32(0, true),
    flags: view.getUint32(4, true),
    descriptors: view.getBigUint64(8, true),
    used: view.getBigUint64(16, true),
    available: view.getBigUint64(24, true),
    log: view.getBigUint64(32, true),
  };
}
