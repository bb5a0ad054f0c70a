/** One line of the control socket: read as what comes from anybody, carried out, and answered. Does not throw. */
import { IoregionError } from '../../native/index.js';
import type { ControlCommand, ControlledMachine } from './command.js';
import { pause } from './commands/pause.js';
import { plug } from './commands/plug.js';
import { powerButton } from './commands/power-button.js';
import { query } from './commands/query.js';
import { reset } from './commands/reset.js';
import { resume } from './commands/resume.js';
import { snapshot } from './commands/snapshot.js';
import { stop } from './commands/stop.js';
import { unplug } from './commands/unplug.js';
import { ControlError } from './errors.js';

const COMMANDS: Readonly<Record<string, ControlCommand>> = {
  plug,
  unplug,
  query,
  snapshot,
  pause,
  resume,
  reset,
  'power-button': powerButton,
  stop,
};
const NAMES = Object.keys(COMMANDS).join(', ');

/** Plain data for JSON. */
export type ControlAnswer =
  | { readonly ok: unknown }
  | { readonly error: { readonly code: string; readonly message: string } };

export async function answerLine(machine: ControlledMachine, line: string): Promise<ControlAnswer> {
  try {
    const [command, argument] = parse(line);
    return { ok: (await command(machine, argument)) ?? null };
  } catch (error) {
    return failure(error);
  }
}

export function failure(error: unknown): ControlAnswer {
  const message = error instanceof Error ? error.message : String(error);
  return { error: { code: error instanceof IoregionError ? error.code : codeOf(error), message } };
}

/** That of the system, where it has one. */
function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : 'ERR_IOREGION_CONTROL';
}

/** `{"COMMAND": ARGUMENT}`, or `"COMMAND"` where it takes none. @throws ControlError */
function parse(line: string): [ControlCommand, unknown] {
  const request = parseJson(line);
  const entries = typeof request === 'string' ? [[request, null]] : entriesOf(request);
  const [name, argument] = entries[0] ?? [];
  if (entries.length !== 1 || typeof name !== 'string' || !Object.hasOwn(COMMANDS, name))
    throw new ControlError(`a line is {"COMMAND": ARGUMENT}, where COMMAND is one of ${NAMES}`);
  return [COMMANDS[name]!, argument];
}

function entriesOf(request: unknown): [string, unknown][] {
  return typeof request === 'object' && request !== null && !Array.isArray(request) ? Object.entries(request) : [];
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new ControlError('the line is not JSON');
  }
}
