/** The network of a server that was started by `unshare --net`: programs of this host run in it. */
import { execFileSync } from 'node:child_process';
import { program, type Requirement, tapDevices } from '../requirements.js';
import { PeerProcess } from './peer-process.js';
import type { Server } from './server.js';

const TIMEOUT_MS = 20_000;

/** What a network with a TAP device needs. */
export const networkTools: readonly Requirement[] = [
  program('ip', '-V'),
  program('unshare'),
  program('nsenter'),
  tapDevices,
];

export class TestNetwork {
  readonly #enter: readonly string[];

  /** It ends with the server. */
  constructor({ process: { pid } }: Server) {
    this.#enter = [`--target=${pid}`, '--net'];
  }

  /** Gives a TAP device an address, and sets it up. */
  setUp(tap: string, address: string): void {
    for (const args of [`addr add ${address} dev ${tap}`, `link set ${tap} up`])
      execFileSync('nsenter', [...this.#enter, 'ip', ...args.split(' ')], { timeout: TIMEOUT_MS });
  }

  /** Starts a program. */
  start(command: string, ...args: string[]): PeerProcess {
    return new PeerProcess('nsenter', [...this.#enter, command, ...args]);
  }
}
