/** What is wrong with a line on the control socket. */
import { IoregionError } from '../../native/index.js';

/** It is no command, or one with an argument that it does not take (`ERR_IOREGION_CONTROL`). */
export class ControlError extends IoregionError {
  constructor(reason: string) {
    super('ERR_IOREGION_CONTROL', reason);
  }
}

/** What the machine has answered, or that nothing did: with the code that it was given. */
export class ControlAnswerError extends IoregionError {}
