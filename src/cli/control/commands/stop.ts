/** `{"stop": null}`: switches the machine off; the program ends. */
import { type ControlCommand, noArgument } from '../command.js';

export const stop: ControlCommand = async (machine, argument) => {
  noArgument('stop', argument);
  await machine.stop();
  return null;
};
