/** The C loop: one process for each slot. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HOST_FLAGS, hostDirectory } from '../../guests/build.js';
import { compile, packageRoot, sourcesIn } from '../../guests/compile.js';
import type { Run } from './device-side.js';
import type { Point } from './points.js';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;

const referenceDirectory = join(packageRoot, 'bench', 'reference');
const queueDirectory = join(referenceDirectory, 'queue');

/** Builds `queue-loop` where it is missing or older than its sources; returns its path. */
export async function buildQueueLoop(): Promise<string> {
  return compile({
    output: join(referenceDirectory, 'build', 'queue-loop'),
    sources: [
      ...(await sourcesIn(queueDirectory)),
      join(referenceDirectory, 'affinity.c'),
      join(hostDirectory, 'die.c'),
    ],
    includes: [queueDirectory, referenceDirectory, hostDirectory],
    flags: HOST_FLAGS,
  });
}

export async function runQueueLoop(program: string, point: Point, rounds: number, cpu: number): Promise<Run> {
  const words = [point.format, point.place, point.segments, rounds, cpu].map(String);
  const { stdout } = await run(program, words, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' });
  return JSON.parse(stdout) as Run;
}
