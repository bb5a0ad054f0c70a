/** The entropy device. As a module for another thread or process, its default export makes one. */
import { EntropyDevice } from './device.js';

export { type EntropyCounters, EntropyDevice } from './device.js';
export { MAX_REQUEST_BYTES } from './request.js';

export default function createEntropyDevice(): EntropyDevice {
  return new EntropyDevice();
}
