/** `{"snapshot": "DIRECTORY"}`: saves the machine there; it goes on as it was. Its images are not in it: see docs/snapshot.md. */
import { type ControlCommand, textArgument } from '../command.js';

export const snapshot: ControlCommand = (machine, argument) => {
  return machine.snapshot(textArgument('snapshot', 'the path of a directory to make', argument));
};
