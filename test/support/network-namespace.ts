/** A network of its own: a namespace that lives as long as a process in it, with programs run inside. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { onTestFinished, vi } from 'vitest';
import { program, type Requirement } from './requirements.js';

const TIMEOUT_MS = 20_000;

/** What a NetworkNamespace needs. */
export const namespaceTools: readonly Requirement[] = [program('ip', '-V'), program('unshare'), program('nsenter')];

export class NetworkNamespace {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  /** Ends with the test. IPv6 is off, so that interfaces say nothing by themselves. */
  static async create(): Promise<NetworkNamespace> {
    const holder = spawn('unshare', ['--net', 'sleep', '600'], { stdio: 'ignore' });
    onTestFinished(() => void holder.kill('SIGKILL'));
    const own = readlinkSync('/proc/self/ns/net');
    await vi.waitFor(() => {
      if (readlinkSync(`/proc/${holder.pid}/ns/net`) === own) throw new Error('not there yet');
      if (!readFileSync(`/proc/${holder.pid}/comm`, 'utf8').startsWith('sleep')) throw new Error('not there yet');
    });
    const namespace = new NetworkNamespace(holder);
    namespace.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6');
    return namespace;
  }

  /** Moves an interface of this process's network here. */
  adopt(name: string): void {
    execFileSync('ip', ['link', 'set', name, 'netns', String(this.#holder.pid)], { timeout: TIMEOUT_MS });
  }

  /** What a program prints that runs here. */
  run(command: string, ...args: string[]): string {
    return execFileSync('nsenter', this.#enter(command, args), { encoding: 'utf8', timeout: TIMEOUT_MS });
  }

  ip(...args: string[]): string {
    return this.run('ip', ...args);
  }

  /** Starts a Node script that runs here until the test ends; `lines` are what it prints. */
  script(source: string): { lines: AsyncIterator<string> } {
    const child = spawn('nsenter', this.#enter(process.execPath, ['--input-type=module', '--eval', source]), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return { lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  }

  #enter(command: string, args: readonly string[]): string[] {
    return [`--target=${this.#holder.pid}`, '--net', command, ...args];
  }
}
