/** Runs a script in a process of its own, with the built package importable by file name. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PATIENCE } from './patience.js';

const SCRIPT_TIMEOUT_MS = 30_000 * PATIENCE;

export interface ScriptResult {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** The built module of a layer, e.g. `layer('native')`, for imports inside scripts. */
export function layer(name: string): string {
  return JSON.stringify(new URL(`../../dist/src/${name}/index.js`, import.meta.url).href);
}

/** `prefix` is a shell command put before `node`, e.g. `ulimit -n 64;`; `launcher` a program that runs it. */
export function runScript(source: string, prefix = '', launcher = ''): ScriptResult {
  const result = spawnSync('bash', ['-c', `${prefix} exec ${launcher} "$0" --input-type=module -`, process.execPath], {
    input: source,
    encoding: 'utf8',
    timeout: SCRIPT_TIMEOUT_MS,
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
  });
  return { status: result.status, signal: result.signal, stdout: result.stdout, stderr: result.stderr };
}
