#!/usr/bin/env node
/** The `ioregion` program. A command's code, and what it depends on, is loaded only when the command is named. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';

type Register = (program: Command) => void;

/** Every command: its name, and where the function comes from that adds it to the program. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  run: async () => {
    const thread = (await import('./first-thread.js')).startFirstThread();
    const { registerRun } = await import('./run.js');
    return (program) => registerRun(program, thread);
  },
  control: async () => (await import('./control.js')).registerControl,
  probe: async () => (await import('./probe.js')).registerProbe,
  bench: async () => (await import('./bench.js')).registerBench,
  serve: async () => (await import('./serve/command.js')).registerServe,
  'region-server': async () => (await import('./region-server.js')).registerRegionServer,
};

const packageFile = new URL('../../../package.json', import.meta.url);

async function createProgram(): Promise<Command> {
  const { Command } = await import('commander');
  const { version, description } = JSON.parse(readFileSync(packageFile, 'utf8')) as Record<string, string>;
  return new Command('ioregion').description(description ?? '').version(version ?? '');
}

/** The command named first, or all of them where the help has to list them. */
function loadersFor(operand: string | undefined): (() => Promise<Register>)[] {
  const named = Object.entries(COMMANDS).find(([name]) => name === operand);
  return named === undefined ? Object.values(COMMANDS) : [named[1]];
}

/** Failures with a stable code are for the user to act on; everything else is a defect and shows where it happened. */
function report(error: unknown): void {
  const expected = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_IOREGION_');
  console.error(expected ? `ioregion: ${error.message} (${error.code})` : error);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const [command, ...words] = process.argv.slice(2);
  if (command === 'probe' && (await (await import('./probe.js')).probeAtOnce(words))) return;
  const [registers, program] = await Promise.all([
    Promise.all(loadersFor(command).map((load) => load())),
    createProgram(),
  ]);
  for (const register of registers) register(program);
  await program.parseAsync();
}

main().catch(report);
