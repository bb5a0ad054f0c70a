/** The block device. As a module for another thread or process, its default export makes one from its options. */
import { BlockDevice } from './device.js';
import type { BlockDeviceOptions } from './options.js';

export { checkBlockImage } from './check-image.js';
export { BlockDevice } from './device.js';
export type { BlockCounters } from './disk.js';
export { BlockImageError, BlockOptionError } from './errors.js';
export { BlockFeature } from './features.js';
export type { BlockDeviceOptions } from './options.js';
export { RequestType as BlockRequestType, SECTOR_BYTES, Status as BlockStatus } from './request.js';

export default function createBlockDevice(options: BlockDeviceOptions): BlockDevice {
  return BlockDevice.open(options);
}
