/** Configuration space of the entropy device (virtio 5.4.4): there is none. */
import type { ConfigSpace } from '../../device.js';

export const ENTROPY_CONFIG: ConfigSpace = { bytes: new Uint8Array(0) };
