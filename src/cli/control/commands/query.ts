/** `{"query": null}`: state and devices. `{"query": "metrics"}`: what the machine counts. */
import type { ControlCommand } from '../command.js';
import { ControlError } from '../errors.js';

export const query: ControlCommand = (machine, argument) => {
  if (argument === 'metrics') return machine.metrics();
  if (argument === null || argument === true) return { state: machine.state, devices: machine.devices };
  throw new ControlError('query takes null, or "metrics"');
};
