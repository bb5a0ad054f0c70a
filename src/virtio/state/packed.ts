/** States as they go by registers of 4 bytes: a quarter of what they are otherwise. What comes back may come from anybody. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { SavedStateError } from './errors.js';
import { MAX_STATE_BYTES } from './plain-data.js';

export const pack = (bytes: Uint8Array): Uint8Array => Uint8Array.from(deflateRawSync(bytes));

/** @throws SavedStateError for what is not packed, or would be more than any device has */
export function unpack(packed: Uint8Array): Uint8Array {
  try {
    return Uint8Array.from(inflateRawSync(packed, { maxOutputLength: MAX_STATE_BYTES }));
  } catch (error) {
    throw new SavedStateError('a device', `it cannot be unpacked: ${(error as Error).message}`);
  }
}
