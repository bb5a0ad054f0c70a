/** The C loop: one process for each slot. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HOST_FLAGS, hostDirectory } from '../../guests/build.js';
import { compile, packageRoot } from '../../guests/compile.js';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;

const referenceDirectory = join(packageRoot, 'bench', 'reference');
const nativeDirectory = join(packageRoot, 'native', 'src');

/** Builds `read-loop` where it is missing or older than its sources; returns its path. */
export async function buildReadLoop(): Promise<string> {
  return compile({
    output: join(referenceDirectory, 'build', 'read-loop'),
    sources: [
      join(referenceDirectory, 'blk', 'read_loop.c'),
      join(referenceDirectory, 'affinity.c'),
      join(hostDirectory, 'die.c'),
      join(nativeDirectory, 'uring.c'),
    ],
    includes: [referenceDirectory, hostDirectory, nativeDirectory],
    flags: HOST_FLAGS,
  });
}

export interface ReferenceRun {
  readonly program: string;
  readonly path: string;
  readonly engine: string;
  readonly depth: number;
  readonly cpu: number;
}

/** Reads `requests` random blocks; nanoseconds it took. */
export async function runReadLoop(options: ReferenceRun, requests: number, seed: number): Promise<number> {
  const { program, path, engine, depth, cpu } = options;
  const words = [path, engine, depth, requests, seed, cpu].map(String);
  const { stdout } = await run(program, words, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' });
  return (JSON.parse(stdout) as { elapsed_ns: number }).elapsed_ns;
}
