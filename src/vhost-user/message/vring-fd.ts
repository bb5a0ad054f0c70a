/** Which vring a descriptor is for: SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR. */
import { VringFd } from '../spec/index.js';
import { decodeU64, encodeU64 } from './u64.js';

export interface VringFdMessage {
  /** 0 to 255. */
  readonly index: number;
  /** Whether a descriptor comes along; without one the vring is polled, or notified in-band. */
  readonly hasFd: boolean;
}

export function encodeVringFd({ index, hasFd }: VringFdMessage): Uint8Array {
  return encodeU64(index | (hasFd ? 0 : VringFd.noFd));
}

export function decodeVringFd(payload: Uint8Array): VringFdMessage {
  const value = decodeU64(payload);
  return { index: Number(value & BigInt(VringFd.indexMask)), hasFd: (value & BigInt(VringFd.noFd)) === 0n };
}
