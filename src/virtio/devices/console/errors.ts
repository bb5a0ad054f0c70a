/** What can be wrong with a console device before a driver sees it. */
import { IoregionError } from '../../../native/index.js';

/** An option or a saved state that no console device can have (`ERR_IOREGION_CONSOLE_OPTION`). */
export class ConsoleOptionError extends IoregionError {
  constructor(message: string) {
    super('ERR_IOREGION_CONSOLE_OPTION', message);
  }
}
