/** The servers that are compared: each a process of its own, pinned, that serves the same image until it is disposed of. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { packageRoot } from '../../guests/compile.js';
import { native } from '../../src/native/index.js';
import { ServerNotReadyError } from './errors.js';

export const SERVERS = ['js', 'c', 'qemu'] as const;
export type ServerName = (typeof SERVERS)[number];

const READY_MS = 20_000;
const POLL_MS = 20;
const QEMU = 'qemu-storage-daemon';

export interface ServerPlace {
  readonly directory: string;
  readonly image: string;
  /** Built `vhost-user-server`. */
  readonly program: string;
  readonly cpu: number;
}

/** Whether the baseline is there. */
export function hasQemu(): boolean {
  return spawnSync(QEMU, ['--version']).status === 0;
}

export class Server implements Disposable {
  readonly name: ServerName;
  readonly socket: string;
  readonly #child: ChildProcess;
  /** What it says. */
  readonly #log: string;

  private constructor(name: ServerName, socket: string, log: string, child: ChildProcess) {
    this.name = name;
    this.socket = socket;
    this.#log = log;
    this.#child = child;
  }

  /** Resolves when its socket is there. */
  static async start(name: ServerName, place: ServerPlace): Promise<Server> {
    const socket = join(place.directory, `${name}.sock`);
    const [command, ...words] = commandOf(name, socket, place);
    const logPath = join(place.directory, `${name}.log`);
    const log = openSync(logPath, 'w');
    const all = native.getAffinity();
    /* A child has the CPUs of its parent. */
    native.setAffinity([place.cpu]);
    const child = spawn(command!, words, { stdio: ['ignore', 'ignore', log] });
    native.setAffinity(all);
    closeSync(log);
    const server = new Server(name, socket, logPath, child);
    await server.#ready();
    return server;
  }

  async #ready(): Promise<void> {
    const end = Date.now() + READY_MS;
    while (!existsSync(this.socket)) {
      if (this.#child.exitCode !== null || Date.now() > end) {
        this[Symbol.dispose]();
        throw new ServerNotReadyError(this.name, readFileSync(this.#log, 'utf8'));
      }
      await pause(POLL_MS);
    }
  }

  /** CPU time of all its threads so far, in ns. */
  get cpuNs(): number {
    const tasks = `/proc/${this.#child.pid}/task`;
    const times = readdirSync(tasks).map((task) =>
      Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
    );
    return times.reduce((sum, time) => sum + time, 0);
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

function commandOf(name: ServerName, socket: string, { image, program, cpu }: ServerPlace): string[] {
  if (name === 'c') return [program, socket, image, String(cpu)];
  if (name === 'js') {
    const main = join(packageRoot, 'dist', 'src', 'cli', 'main.js');
    return [process.execPath, main, 'serve', 'blk', '--socket', socket, '--image', image];
  }
  const disk = `driver=file,node-name=disk,filename=${image},aio=threads,locking=off`;
  const address = `addr.type=unix,addr.path=${socket}`;
  const at = `type=vhost-user-blk,id=export,node-name=disk,writable=on,num-queues=1,${address}`;
  return [QEMU, '--blockdev', disk, '--export', at];
}
