/** One request for entropy (virtio 5.4.6): a buffer to put random bytes into, as few as the device likes but one. */
import { randomFillSync } from 'node:crypto';
import type { Chain } from '../../queue/index.js';

/** The most one request gets, whatever its size: the driver asks again. In bytes. */
export const MAX_REQUEST_BYTES = 4096;

const bytes = new Uint8Array(MAX_REQUEST_BYTES);

/** Answers a request; returns how many bytes it got. A chain without room for any gets none. */
export function answerRequest(chain: Chain): number {
  const wanted = Math.min(chain.writable.byteLength, MAX_REQUEST_BYTES);
  randomFillSync(bytes, 0, wanted);
  const written = chain.writable.copyFrom(wanted === MAX_REQUEST_BYTES ? bytes : bytes.subarray(0, wanted));
  // Nobody else shall learn what this driver got.
  bytes.fill(0, 0, wanted);
  chain.complete(written);
  return written;
}
