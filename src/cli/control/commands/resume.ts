/** `{"resume": null}`: goes on after `pause`. */
import { type ControlCommand, noArgument } from '../command.js';

export const resume: ControlCommand = async (machine, argument) => {
  noArgument('resume', argument);
  machine.resume();
  return null;
};
