/** `ioregion control`: one command for a machine that runs, by its control socket. */
import { connect } from 'node:net';
import type { Command } from 'commander';
import { ControlAnswerError } from './control/errors.js';

export function registerControl(program: Command): void {
  program
    .command('control')
    .description('give a command to a machine that runs: `ioregion run --control` has the list of them')
    .argument('<socket>', 'what `ioregion run --control` names')
    .argument('<command>', 'like query, plug or stop')
    .argument('[argument]', 'text or JSON')
    .action(async (socket: string, command: string, argument?: string) => {
      const answer = await ask(socket, { [command]: argument === undefined ? null : parse(argument) });
      if (answer !== null) console.log(JSON.stringify(answer, null, 2));
    });
}

/** Objects are JSON, everything else is text. */
function parse(argument: string): unknown {
  if (!argument.startsWith('{')) return argument;
  try {
    return JSON.parse(argument);
  } catch {
    return argument;
  }
}

/** @throws ControlAnswerError */
async function ask(path: string, request: unknown): Promise<unknown> {
  const text = await exchange(path, `${JSON.stringify(request)}\n`);
  if (text === '') throw new ControlAnswerError('ERR_IOREGION_CONTROL', `${path} hung up without an answer`);
  const { ok, error } = JSON.parse(text) as { ok?: unknown; error?: { code: string; message: string } };
  if (error !== undefined) throw new ControlAnswerError(error.code, error.message);
  return ok;
}

/** Sends a line; what comes until the other side hangs up. @throws ControlAnswerError where nobody listens */
function exchange(path: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ path, allowHalfOpen: true });
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    socket.once('end', () => resolve(text));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      reject(new ControlAnswerError('ERR_IOREGION_CONTROL', `no machine can be reached at ${path} (${code})`));
    });
    socket.end(line);
  });
}
