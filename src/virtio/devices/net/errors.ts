/** What can be wrong with a network device before a driver sees it. */
import { IoregionError } from '../../../native/index.js';

/** An option or a saved state that no network device can have (`ERR_IOREGION_NET_OPTION`). */
export class NetOptionError extends IoregionError {
  constructor(message: string) {
    super('ERR_IOREGION_NET_OPTION', message);
  }
}
