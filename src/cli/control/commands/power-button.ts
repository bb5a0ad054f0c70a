/** `{"power-button": null}`: presses the power button: a guest that listens shuts down. */
import { type ControlCommand, noArgument } from '../command.js';

export const powerButton: ControlCommand = (machine, argument) => {
  noArgument('power-button', argument);
  machine.pressPowerButton();
  return null;
};
