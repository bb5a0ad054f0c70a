/** The frontend: one process for each slot. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HOST_FLAGS, hostDirectory } from '../../guests/build.js';
import { compile, packageRoot, sourcesIn } from '../../guests/compile.js';
import { BLOCKS } from '../blk/image.js';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;

const referenceDirectory = join(packageRoot, 'bench', 'reference');
const ownDirectory = join(referenceDirectory, 'vhost-user');
const queueDirectory = join(referenceDirectory, 'queue');
const ENGINE = ['chain.c', 'memory_map.c', 'packed.c', 'queue.c', 'split.c'];

/** Builds `vhost-user-client` and `vhost-user-server` where they are missing or old; returns their paths. */
export async function buildPrograms(): Promise<{ client: string; server: string }> {
  const engine = ENGINE.map((name) => join(queueDirectory, name));
  const [client, server] = await Promise.all([build('client', []), build('server', engine)]);
  return { client, server };
}

async function build(name: 'client' | 'server', more: readonly string[]): Promise<string> {
  const other = name === 'client' ? 'server.c' : 'client.c';
  const own = (await sourcesIn(ownDirectory)).filter((file) => !file.endsWith(other));
  return compile({
    output: join(referenceDirectory, 'build', `vhost-user-${name}`),
    sources: [...own, ...more, join(referenceDirectory, 'affinity.c'), join(hostDirectory, 'die.c')],
    includes: [ownDirectory, queueDirectory, referenceDirectory, hostDirectory],
    flags: HOST_FLAGS,
  });
}

export interface ClientRun {
  readonly program: string;
  readonly socket: string;
  readonly op: 'read' | 'write';
  readonly depth: number;
  readonly milliseconds: number;
  readonly seed: number;
  readonly cpu: number;
}

export interface ClientResult {
  readonly requests: number;
  readonly elapsed_ns: number;
  readonly kicks: number;
  /** Times that it found nothing used and slept. */
  readonly sleeps: number;
}

/** Fails where a block was read wrong. */
export async function runClient(options: ClientRun): Promise<ClientResult> {
  const { program, socket, op, depth, milliseconds, seed, cpu } = options;
  const words = [socket, op, depth, BLOCKS, milliseconds, seed, cpu].map(String);
  const { stdout } = await run(program, words, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' });
  return JSON.parse(stdout) as ClientResult;
}
