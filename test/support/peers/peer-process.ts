/** A peer in a process group of its own, with a deadline: none outlives its test, nor the process that started it. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';

const DEFAULT_LIMIT_MS = 120_000;
const running = new Set<PeerProcess>();
const killAll = () => {
  for (const peer of running) peer.kill();
};
process.on('exit', killAll);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal); // to whoever else waits for it, or its usual end
  });

export interface PeerProcessOptions {
  readonly limitMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** How a peer ended. */
export interface PeerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class PeerProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<PeerExit>;
  #output = '';
  #timedOut = false;

  constructor(program: string, args: readonly string[], { limitMs = DEFAULT_LIMIT_MS, env }: PeerProcessOptions = {}) {
    const options: SpawnOptions = { detached: true, stdio: ['pipe', 'pipe', 'pipe'] };
    this.child = spawn(program, args, env === undefined ? options : { ...options, env: { ...process.env, ...env } });
    running.add(this);
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    const timer = setTimeout(() => {
      this.#timedOut = true;
      this.kill();
    }, limitMs);
    this.exited = this.#exit(timer);
    this.exited.catch(() => {});
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** What it has printed so far, on both streams. */
  get output(): string {
    return this.#output;
  }

  /** It was still running at its limit. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** Ends all of the group. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (!running.has(this) || this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch {
      // It has ended in this moment.
    }
  }

  /** Ends it, and waits until it is gone. */
  async stop(signal?: NodeJS.Signals): Promise<PeerExit> {
    this.kill(signal);
    return await this.exited;
  }

  async #exit(timer: NodeJS.Timeout): Promise<PeerExit> {
    try {
      const [code, signal] = (await once(this.child, 'close')) as [number | null, NodeJS.Signals | null];
      return { code, signal };
    } finally {
      clearTimeout(timer);
      running.delete(this);
    }
  }
}
