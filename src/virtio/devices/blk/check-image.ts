/** Whether a disk can be had, for whoever is about to start threads or processes for it. */
import { Image } from './image.js';
import { type BlockDeviceOptions, checkOptions } from './options.js';

/**
 * Opens and locks the image, and lets go of it again; loads nothing of the device.
 * @throws BlockOptionError, BlockImageError, FileInUseError
 */
export function checkBlockImage(options: BlockDeviceOptions): void {
  Image.open(checkOptions(options)).close();
}
