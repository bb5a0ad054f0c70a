/** The C side of every row: one run of bench/reference's program for each slot. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ReferenceProgramError } from './errors.js';
import type { PathRunner, Slot } from './path-runner.js';
import type { Cpus } from './placement.js';
import { ACCESS_SIZE, type Operation, PATH_FACTS, type PathName } from './row.js';

const run = promisify(execFile);
/** What a slot may take beyond its own length before the program counts as hung. */
const GRACE_MS = 10_000;

export interface ReferenceOptions {
  readonly path: PathName;
  readonly operation: Operation;
  /** The compiled program. */
  readonly program: string;
  /** The guest image; null for loopback rows. */
  readonly guest: string | null;
  readonly cpus: Cpus;
  /** An existing directory for the samples file, private to this run. */
  readonly directory: string;
  /** Default: 10 s. */
  readonly graceMs?: number;
  readonly signal?: AbortSignal;
}

/** The line the program prints: what the samples file does not tell. */
interface ReferenceReport {
  n: number;
  elapsed_ns: number;
  floor_ns: number;
}

export class ReferenceRunner implements PathRunner {
  readonly implementation = 'c';
  readonly path: PathName;
  readonly operation: Operation;
  readonly #options: ReferenceOptions;
  readonly #samplesFile: string;

  constructor(options: ReferenceOptions) {
    this.path = options.path;
    this.operation = options.operation;
    this.#options = options;
    this.#samplesFile = join(options.directory, `${options.path}-${options.operation}.samples`);
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {}

  async slot(milliseconds: number): Promise<Slot> {
    const report = parseReport(this.#name, await this.#run(milliseconds));
    const samples = await this.#readSamples();
    return { samples, elapsedNs: report.elapsed_ns, accesses: report.n, floorNs: report.floor_ns };
  }

  get #name(): string {
    return `mmio-reference ${this.path} ${this.operation}`;
  }

  async #run(milliseconds: number): Promise<string> {
    const timeout = Math.ceil(milliseconds) + (this.#options.graceMs ?? GRACE_MS);
    const { program, signal } = this.#options;
    try {
      const options = { timeout, killSignal: 'SIGKILL', ...(signal && { signal }) } as const;
      return (await run(program, this.#arguments(milliseconds), options)).stdout;
    } catch (error) {
      signal?.throwIfAborted();
      throw programFailure(this.#name, error, timeout);
    }
  }

  #arguments(milliseconds: number): string[] {
    const { path, operation, guest, cpus } = this.#options;
    return [
      ['--path', path],
      ['--op', operation],
      ['--size', String(ACCESS_SIZE)],
      ['--seconds', String(milliseconds / 1000)],
      ['--cpu', String(cpus.vcpu)],
      ['--device-cpu', String(cpus.device)],
      ['--samples', this.#samplesFile],
      guest !== null && PATH_FACTS[path].kvm ? ['--guest', guest] : [],
    ].flat();
  }

  async #readSamples(): Promise<Uint32Array<ArrayBuffer>> {
    const bytes = await readFile(this.#samplesFile);
    if (bytes.length === 0 || bytes.length % 4 !== 0) {
      throw new ReferenceProgramError(`${this.#name} left a samples file of ${bytes.length} bytes`);
    }
    return new Uint32Array(Uint8Array.from(bytes).buffer);
  }
}

/** Checks the report line; what is wrong with it goes into the error. */
export function parseReport(name: string, stdout: string): ReferenceReport {
  const value = parseJson(name, stdout);
  const { n, elapsed_ns, floor_ns } = value;
  if (!isAmount(n) || !isAmount(elapsed_ns) || !isAmount(floor_ns)) {
    throw new ReferenceProgramError(`${name} reported no n, elapsed_ns and floor_ns: ${stdout.trim()}`);
  }
  return { n, elapsed_ns, floor_ns };
}

function parseJson(name: string, stdout: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(stdout)) as Record<string, unknown>;
  } catch (cause) {
    throw new ReferenceProgramError(`${name} did not print a JSON line`, cause);
  }
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function programFailure(name: string, error: unknown, timeoutMs: number): ReferenceProgramError {
  const { killed, code, stderr, message } = error as Error & { killed?: boolean; code?: unknown; stderr?: string };
  if (killed === true) return new ReferenceProgramError(`${name} gave no answer within ${timeoutMs} ms`, error);
  const reason = stderr?.trim().split('\n').at(-1) || message;
  const status = typeof code === 'number' ? ` (exit status ${code})` : '';
  return new ReferenceProgramError(`${name} failed${status}: ${reason}`, error);
}
