/** What can be wrong with a block device before a driver sees it. */
import { IoregionError } from '../../../native/index.js';

/** The image cannot be opened, or is nothing to make a disk of (`ERR_IOREGION_BLOCK_IMAGE`). */
export class BlockImageError extends IoregionError {
  constructor(path: string, reason: string, cause?: unknown) {
    super('ERR_IOREGION_BLOCK_IMAGE', `${path}: ${reason}`, { cause });
  }
}

/** An option or a saved state that no block device can have (`ERR_IOREGION_BLOCK_OPTION`). */
export class BlockOptionError extends IoregionError {
  constructor(message: string) {
    super('ERR_IOREGION_BLOCK_OPTION', message);
  }
}
