/** Child processes of tests: each has a deadline, and none outlives the process that started it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { Fd } from 'ioregion/native';
import { PATIENCE } from './patience.js';

const DEFAULT_TIMEOUT_MS = 20_000 * PATIENCE;

export interface ProcessOptions {
  /** Becomes descriptor 3 of the child. */
  readonly fd?: Fd;
  /** Becomes standard input and output, neither of which is collected then. */
  readonly stdio?: Fd;
  readonly env?: Readonly<Record<string, string>>;
  /** The user that the child runs as. */
  readonly uid?: number;
  /** Node's own options, before the script. */
  readonly nodeOptions?: readonly string[];
  /** Most descriptors that the child may have open. */
  readonly fdLimit?: number;
  /** The child is killed after this time. Default 20 s. */
  readonly timeoutMs?: number;
}

/** How a child ended: `code` or `signal` is null. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From start to end. */
  readonly ms: number;
}

/** A test runner has Node measure its children, whatever their environment: ours shall be as fast as a user's. */
const UNINSTRUMENTED = ['env', '-u', 'NODE_OPTIONS', '-u', 'NODE_V8_COVERAGE'];

function commandLine({ fdLimit, nodeOptions = [] }: ProcessOptions): [string, ...string[]] {
  const limit = fdLimit === undefined ? [] : ['sh', '-c', 'ulimit -n "$0" && exec "$@"', String(fdLimit)];
  const [program, ...args] = [...limit, ...UNINSTRUMENTED, process.execPath, ...nodeOptions];
  return [program!, ...args];
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A child that runs a Node script. */
export class NodeProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<ProcessExit>;
  #stdout = '';
  #stderr = '';

  constructor(script: string, args: readonly string[] = [], options: ProcessOptions = {}) {
    const { fd, stdio, env = {}, uid, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    const [input, output] = stdio === undefined ? (['ignore', 'pipe'] as const) : [stdio.number, stdio.number];
    const [program, ...programArgs] = commandLine(options);
    const started = performance.now();
    this.child = spawn(program, [...programArgs, script, ...args], {
      stdio: [input, output, 'pipe', ...(fd === undefined ? [] : [fd.number])],
      env: { ...process.env, ...env },
      ...(uid === undefined ? {} : { uid }),
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    running.add(this.child);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.exited = this.#exit(started);
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Resolves once the child has printed `text`. Rejects where it ends before. */
  async printed(text: string): Promise<void> {
    await this.#said(text, this.child.stdout!, () => this.#stdout);
  }

  /** The same, of standard error. */
  async complained(text: string): Promise<void> {
    await this.#said(text, this.child.stderr!, () => this.#stderr);
  }

  async #said(text: string, stream: Readable, all: () => string): Promise<void> {
    while (!all().includes(text)) {
      const ended = await Promise.race([once(stream, 'data').then(() => null), this.exited]);
      if (ended !== null && !all().includes(text)) throw new Error(`ended before it was ready: ${ended.stderr}`);
    }
  }

  /** Ends it if it still runs (or is stopped), and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<ProcessExit> {
    this.child.kill(signal);
    return await this.exited;
  }

  async #exit(started: number): Promise<ProcessExit> {
    const [code, signal] = (await once(this.child, 'close')) as [number | null, NodeJS.Signals | null];
    running.delete(this.child);
    return { code, signal, stdout: this.#stdout, stderr: this.#stderr, ms: performance.now() - started };
  }
}

/** Runs a Node script to its end. */
export function runNode(script: string, args: readonly string[] = [], options?: ProcessOptions): Promise<ProcessExit> {
  return new NodeProcess(script, args, options).exited;
}
