/** `{"pause": null}`: stops all vCPUs where they are. */
import { type ControlCommand, noArgument } from '../command.js';

export const pause: ControlCommand = async (machine, argument) => {
  noArgument('pause', argument);
  await machine.pause();
  return null;
};
