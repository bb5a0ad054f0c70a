/** What a command of the control socket is. */
import type { VirtualMachine } from '../../vmm/index.js';
import { ControlError } from './errors.js';

/** What commands need of a machine. */
export type ControlledMachine = Pick<
  VirtualMachine,
  | 'state'
  | 'devices'
  | 'metrics'
  | 'plug'
  | 'unplug'
  | 'pause'
  | 'resume'
  | 'reset'
  | 'snapshot'
  | 'pressPowerButton'
  | 'stop'
>;

/** `argument` comes from anybody who may connect. What it returns is answered as JSON. @throws ControlError, and what the machine throws */
export type ControlCommand = (machine: ControlledMachine, argument: unknown) => unknown;

/** @throws ControlError */
export function textArgument(command: string, what: string, argument: unknown): string {
  if (typeof argument === 'string' && argument !== '') return argument;
  throw new ControlError(`${command} takes ${what} as a string`);
}

/** Of a command that takes nothing: null or true. @throws ControlError */
export function noArgument(command: string, argument: unknown): void {
  if (argument !== null && argument !== true) throw new ControlError(`${command} takes no argument: null or true`);
}
