/** Programs whose mappings of files lie between inaccessible pages: an access outside of one ends the process. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TIMEOUT_MS = 30_000;
const RUN_TIMEOUT_MS = 55_000;
/** Beside the source: this file runs from dist. */
const SOURCE = fileURLToPath(new URL('../../../test/support/guard-pages.c', import.meta.url));

/** A mistake that has to be seen: see guard-pages.c. */
export type Stray = 'before' | 'behind' | 'io';

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Both streams. */
  readonly output: string;
}

/** Compiles the library into `directory`; returns its path. */
export function compileGuardPages(directory: string): string {
  const library = join(directory, 'guard-pages.so');
  const flags = ['-std=gnu11', '-O1', '-Wall', '-Werror', '-shared', '-fPIC'];
  execFileSync('cc', [...flags, '-o', library, SOURCE, '-ldl'], { timeout: TIMEOUT_MS });
  return library;
}

/** Runs node with these arguments behind the guards, and waits for its end. */
export async function runGuarded(
  library: string,
  args: readonly string[],
  stray?: Stray,
  more: NodeJS.ProcessEnv = {},
): Promise<Ending> {
  const env = { ...process.env, ...more, LD_PRELOAD: library, GUARD_PAGES_STRAY: stray ?? '' };
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
