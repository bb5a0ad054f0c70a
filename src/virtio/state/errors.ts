/** Why a state cannot be saved or restored. */
import { IoregionError } from '../../native/index.js';

/** A saved state is none, or not one of this device or machine (`ERR_IOREGION_SAVED_STATE`). */
export class SavedStateError extends IoregionError {
  constructor(what: string, problem: string) {
    super('ERR_IOREGION_SAVED_STATE', `the saved state of ${what} cannot be used: ${problem}`);
  }
}

/** A device on another thread or in another process did not do what saving or restoring asks (`ERR_IOREGION_REMOTE_STATE`). */
export class RemoteStateError extends IoregionError {
  constructor(name: string, problem: string) {
    super('ERR_IOREGION_REMOTE_STATE', `the state of ${name}: ${problem}`);
  }
}
