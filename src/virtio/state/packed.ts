/** States as they go by registers of 4 bytes: a quarter of what they are otherwise. What comes back may come from anybody. */
import { SavedStateError } from './errors.js';
import { MAX_STATE_BYTES } from './plain-data.js';

/** Loaded by the first state that is saved or restored: most threads see none. */
const zlib = (): typeof import('node:zlib') => process.getBuiltinModule('node:zlib');

export const pack = (bytes: Uint8Array): Uint8Array => Uint8Array.from(zlib().deflateRawSync(bytes));

/** @throws SavedStateError for what is not packed, or would be more than any device has */
export function unpack(packed: Uint8Array): Uint8Array {
  try {
    return Uint8Array.from(zlib().inflateRawSync(packed, { maxOutputLength: MAX_STATE_BYTES }));
  } catch (error) {
    throw new SavedStateError('a device', `it cannot be unpacked: ${(error as Error).message}`);
  }
}
