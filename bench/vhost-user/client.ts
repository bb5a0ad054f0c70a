/** The frontend: one process for each slot. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HOST_FLAGS, hostDirectory } from '../../guests/build.js';
import { compile, packageRoot, sourcesIn } from '../../guests/compile.js';
import { BLOCKS } from '../blk/image.js';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;
const FETCH_TIMEOUT_MS = 300_000;

const referenceDirectory = join(packageRoot, 'bench', 'reference');
const ownDirectory = join(referenceDirectory, 'vhost-user');
const queueDirectory = join(referenceDirectory, 'queue');
const TRIXIE = join(packageRoot, 'scripts', 'peers', 'trixie.sh');
const CLIENT_OPTIONS = join(ownDirectory, 'client_options.c');
const SHARED = [join(referenceDirectory, 'affinity.c'), join(hostDirectory, 'die.c')];
const ENGINE = ['chain.c', 'memory_map.c', 'packed.c', 'queue.c', 'split.c'];

/** A client of our own, and one that is libblkio. */
export type ClientName = 'own' | 'libblkio';

/** Builds the client and `vhost-user-server` where they are missing or old: the client's command, the server's path. */
export async function buildPrograms(name: ClientName): Promise<{ client: readonly string[]; server: string }> {
  const engine = ENGINE.map((file) => join(queueDirectory, file));
  const [client, server] = await Promise.all([
    name === 'own' ? build('client', []).then((path) => [path]) : buildLibblkioClient(),
    build('server', engine),
  ]);
  return { client, server };
}

/** With the libblkio of a newer Debian, which the script fetches where it is missing. */
async function buildLibblkioClient(): Promise<string[]> {
  const { stdout } = await run(TRIXIE, [], { timeout: FETCH_TIMEOUT_MS });
  const tree = stdout.trim();
  const library = join(tree, 'usr/lib/x86_64-linux-gnu/libblkio.so');
  const program = await compile({
    output: join(referenceDirectory, 'build', 'libblkio-client'),
    sources: [join(referenceDirectory, 'libblkio', 'client.c'), CLIENT_OPTIONS, ...SHARED, library],
    includes: [ownDirectory, referenceDirectory, hostDirectory],
    // It brings a C library of its own, which is newer than the one that is linked with.
    flags: [...HOST_FLAGS, '-idirafter', join(tree, 'usr/include'), '-Wl,--allow-shlib-undefined'],
  });
  return [TRIXIE, '--run', program];
}

async function build(name: 'client' | 'server', more: readonly string[]): Promise<string> {
  const other = name === 'client' ? 'server.c' : 'client.c';
  const own = (await sourcesIn(ownDirectory)).filter((file) => !file.endsWith(other));
  return compile({
    output: join(referenceDirectory, 'build', `vhost-user-${name}`),
    sources: [...own, ...more, ...SHARED],
    includes: [ownDirectory, queueDirectory, referenceDirectory, hostDirectory],
    flags: HOST_FLAGS,
  });
}

export interface ClientRun {
  /** With the arguments that come before its own. */
  readonly command: readonly string[];
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
}

/** Fails where a block was read wrong. */
export async function runClient(options: ClientRun): Promise<ClientResult> {
  const { command, socket, op, depth, milliseconds, seed, cpu } = options;
  const words = [socket, op, depth, BLOCKS, milliseconds, seed, cpu].map(String);
  const [program, ...before] = command;
  const { stdout } = await run(program!, [...before, ...words], { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' });
  return JSON.parse(stdout) as ClientResult;
}
