/** `ioregion serve blk` as a process that has just been started. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connectUnix, type Fd } from '../../src/native/index.js';
import { MockFrontend } from '../../src/testing/index.js';
import { FrontendRequest } from '../../src/vhost-user/index.js';
import { measuredEnvironment } from './measured-process.js';

const DISK_BYTES = 64 * 2 ** 20;
const LIMIT_MS = 30_000;
const POLL_MS = 1;
const KB_PER_MB = 1024;

export class DiskServer implements AsyncDisposable {
  readonly #directory: string;
  readonly #socket: string;
  readonly #child: ChildProcess;

  private constructor(directory: string, socket: string, child: ChildProcess) {
    this.#directory = directory;
    this.#socket = socket;
    this.#child = child;
  }

  /** `program`: the one of the command line. */
  static start(program: string): DiskServer {
    const directory = mkdtempSync(join(tmpdir(), 'ioregion-start-'));
    const [socket, image] = [join(directory, 'socket'), join(directory, 'image')];
    writeFileSync(image, '');
    truncateSync(image, DISK_BYTES);
    const words = [program, 'serve', 'blk', '--socket', socket, '--image', image];
    const child = spawn(process.execPath, words, { stdio: 'ignore', env: measuredEnvironment() });
    return new DiskServer(directory, socket, child);
  }

  /** As soon as that is possible. */
  async connect(): Promise<Fd> {
    for (const end = performance.now() + LIMIT_MS; ; await pause(POLL_MS)) {
      try {
        return connectUnix(this.#socket);
      } catch (error) {
        if (performance.now() > end || this.#child.exitCode !== null) throw error;
      }
    }
  }

  /** Connects, and waits for the answer to a first question. */
  async ask(): Promise<void> {
    const frontend = new MockFrontend(await this.connect());
    await frontend.get(FrontendRequest.getFeatures);
    frontend.close();
  }

  /** In MB: all its pages, and those with the pages it shares divided by their users. */
  memory(): { resident: number; proportional: number } {
    const rollup = readFileSync(`/proc/${this.#child.pid}/smaps_rollup`, 'utf8');
    const of = (name: string) => Math.round(Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(rollup)?.[1]) / KB_PER_MB);
    return { resident: of('Rss'), proportional: of('Pss') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
    rmSync(this.#directory, { recursive: true });
  }
}
