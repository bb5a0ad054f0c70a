/** Backends in processes of their own, with an image they serve. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, truncateSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { CLI_PROGRAM } from '../program.js';

/** A backend that a failed test has left behind ends all the same. */
const LIFETIME_MS = 120_000;

export type CommandOf = (socket: string, image: string) => readonly [string, ...string[]];

/** `qemu-storage-daemon`, as in recipes of QEMU. */
export const storageDaemon: CommandOf = (socket, image) => [
  'qemu-storage-daemon',
  '--blockdev',
  `driver=file,node-name=disk,filename=${image}`,
  '--export',
  `type=vhost-user-blk,id=disk,node-name=disk,writable=on,addr.type=unix,addr.path=${socket}`,
];

/** Ours. */
export const serveBlk: CommandOf = (socket, image) => [
  process.execPath,
  CLI_PROGRAM,
  'serve',
  'blk',
  '--socket',
  socket,
  '--image',
  image,
];

/** Ours, with packed rings on offer. */
export const serveBlkPacked: CommandOf = (socket, image) => [...serveBlk(socket, image), '--packed'];

export class BackendProcess {
  readonly socket: string;
  readonly image: string;
  readonly #command: CommandOf;
  readonly #directory = mkdtempSync(join(tmpdir(), 'ioregion-backend-'));
  #child: ChildProcess | null = null;

  /** With an image of zeros. Not started. */
  constructor(command: CommandOf, imageBytes: number) {
    this.#command = command;
    this.socket = join(this.#directory, 'socket');
    this.image = join(this.#directory, 'disk.img');
    writeFileSync(this.image, '');
    truncateSync(this.image, imageBytes);
  }

  /** Resolves when its socket is there. */
  async start(): Promise<void> {
    rmSync(this.socket, { force: true });
    const listening = appears(this.socket);
    const [program, ...args] = this.#command(this.socket, this.image);
    const child = spawn(program, args, { stdio: 'ignore', timeout: LIFETIME_MS, killSignal: 'SIGKILL' });
    this.#child = child;
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`${program} ended with ${code} before it listened`);
    });
    await Promise.race([listening, ended]);
    ended.catch(() => {});
  }

  /** It does nothing more, not even end by itself. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** Resolves when it has ended. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function appears(path: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dirname(path), (_event, name) => {
      if (name !== basename(path) || !existsSync(path)) return;
      watcher.close();
      resolve();
    });
  });
}
