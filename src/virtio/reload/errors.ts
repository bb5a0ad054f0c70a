/** Why a device was not replaced. */
import { IoregionError } from '../../native/index.js';

/** The new device is not one that the driver could go on with (`ERR_IOREGION_RELOAD`). The old one goes on. */
export class ReloadError extends IoregionError {
  constructor(reason: string, cause?: unknown) {
    super('ERR_IOREGION_RELOAD', `the device was not replaced: ${reason}`, { cause });
  }
}
