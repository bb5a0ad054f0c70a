/** `{"reset": null}`: a power cycle. */
import { type ControlCommand, noArgument } from '../command.js';

export const reset: ControlCommand = async (machine, argument) => {
  noArgument('reset', argument);
  await machine.reset();
  return null;
};
