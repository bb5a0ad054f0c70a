/** `{"unplug": "ID"}`, or with a time limit `{"unplug": {"id": "ID", "timeoutMs": 5000}}`: answered when the device is gone. */
import type { ControlCommand } from '../command.js';
import { textArgument } from '../command.js';
import { ControlError } from '../errors.js';

const MAX_MS = 3_600_000;

export const unplug: ControlCommand = async (machine, argument) => {
  const { id, timeoutMs } = fieldsOf(argument);
  await machine.unplug(textArgument('unplug', 'the id of a device', id), timeoutMs === undefined ? {} : { timeoutMs });
  return null;
};

function fieldsOf(argument: unknown): { readonly id: unknown; readonly timeoutMs?: number } {
  if (typeof argument !== 'object' || argument === null) return { id: argument };
  const { id, timeoutMs } = argument as Record<string, unknown>;
  if (timeoutMs === undefined) return { id };
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= MAX_MS) return { id, timeoutMs };
  throw new ControlError(`timeoutMs is 1 to ${MAX_MS}`);
}
