/** Programs whose mappings of files lie between inaccessible pages: an access outside of one ends the process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { preloadedLibrary } from './peers/guest-program.js';

const RUN_TIMEOUT_MS = 55_000;

/** A mistake that has to be seen: see guard-pages.c. */
export type Stray = 'before' | 'behind' | 'io';

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Both streams. */
  readonly output: string;
}

/** Runs node with these arguments behind the guards, and waits for its end. */
export async function runGuarded(
  args: readonly string[],
  stray?: Stray,
  more: NodeJS.ProcessEnv = {},
): Promise<Ending> {
  const env = { ...process.env, ...more, LD_PRELOAD: preloadedLibrary('guard-pages'), GUARD_PAGES_STRAY: stray ?? '' };
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  const child = spawn(process.execPath, args, { env, stdio: [...stdio], timeout: RUN_TIMEOUT_MS });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      output += data;
    });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, output };
}
