/** `ioregion serve` as a process of its own, as a user would start it. */
import { CLI_PROGRAM } from '../program.js';
import { PeerProcess, type PeerProcessOptions } from './peer-process.js';
import { until } from './until.js';

const READY = /: ready at /;
const SAID_LIMIT_MS = 60_000;
const DEFAULT_LIMIT_MS = 300_000;

export interface ServerOptions extends PeerProcessOptions {
  /** A command that runs it, such as `unshare --net`. */
  readonly launcher?: readonly string[];
  /** `ready` lines to wait for. Default 1. */
  readonly devices?: number;
}

export class Server {
  readonly args: readonly string[];
  readonly #options: ServerOptions;
  #process: PeerProcess;

  private constructor(args: readonly string[], options: ServerOptions) {
    this.args = args;
    this.#options = options;
    this.#process = this.#spawn();
  }

  /** `ioregion serve ARGS…`; resolves once it accepts frontends. */
  static async start(args: readonly string[], options: ServerOptions = {}): Promise<Server> {
    const server = new Server(args, options);
    await server.#ready();
    return server;
  }

  get process(): PeerProcess {
    return this.#process;
  }

  /** Resolves once it has printed `text`, since its last start. */
  async said(text: string): Promise<void> {
    const { process } = this;
    await until(() => process.output.includes(text), SAID_LIMIT_MS);
  }

  /** Resolves once a frontend has come, since the last start. */
  async connected(): Promise<void> {
    await this.said('a frontend has connected');
  }

  /** Killed with SIGKILL, and started again. */
  async crash(): Promise<void> {
    await this.#process.stop('SIGKILL');
    this.#process = this.#spawn();
    await this.#ready();
  }

  /** Ended as a user ends it: its exit status. */
  async end(): Promise<number | null> {
    return (await this.#process.stop('SIGTERM')).code;
  }

  #spawn(): PeerProcess {
    const { launcher = [], limitMs = DEFAULT_LIMIT_MS, env = {} } = this.#options;
    const [program, ...args] = [...launcher, process.execPath, CLI_PROGRAM, 'serve', ...this.args];
    // A test runner has Node measure its children: ours shall be as fast as a user's.
    return new PeerProcess(program!, args, { limitMs, env: { NODE_OPTIONS: '', NODE_V8_COVERAGE: '', ...env } });
  }

  async #ready(): Promise<void> {
    const { devices = 1 } = this.#options;
    let ended = false;
    void this.#process.exited.then(() => {
      ended = true;
    });
    const lines = () => this.#process.output.split('\n').filter((line) => READY.test(line)).length;
    await until(() => ended || lines() >= devices);
    if (ended) throw new Error(`ioregion serve has ended: ${this.#process.output}`);
  }
}
