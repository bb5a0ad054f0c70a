/** The control queue (virtio 5.1.6.5). */
import type { DeviceHost } from '../../device.js';
import type { Chain, VirtQueue } from '../../queue/index.js';
import { CommandData } from './command-data.js';
import { runCommand } from './commands.js';
import type { Link } from './link.js';

/** `ack`: the first byte of what the device writes. */
export const Ack = { ok: 0, error: 1 } as const;
const ACK_BYTES = 1;
/** Class and command. */
const PREFIX_BYTES = 2;
/** Before other queues of the thread get their turn. */
const COMMANDS_PER_KICK = 64;

export class ControlQueue {
  readonly #queue: VirtQueue;
  readonly #link: Link;
  readonly #host: DeviceHost;

  constructor(queue: VirtQueue, link: Link, host: DeviceHost) {
    this.#queue = queue;
    this.#link = link;
    this.#host = host;
  }

  kick(): void {
    for (let count = 0; count < COMMANDS_PER_KICK; count++) {
      const chain = this.#queue.pop();
      if (chain === null) return;
      this.#answer(chain);
      this.#queue.flush();
    }
    this.#host.kickLater(this.#queue.index);
  }

  /** A command that cannot be answered is not carried out either. */
  stop(): void {}

  #answer(chain: Chain): void {
    const { writable } = chain;
    const done = writable.byteLength >= ACK_BYTES && this.#run(chain);
    if (done) this.#link.counters.commands++;
    else this.#link.counters.failedCommands++;
    chain.complete(writable.fill(done ? Ack.ok : Ack.error, 0, ACK_BYTES));
  }

  /** What the host refuses fails the command, not the queue. */
  #run({ readable }: Chain): boolean {
    const prefix = new Uint8Array(PREFIX_BYTES);
    if (readable.copyTo(prefix) < PREFIX_BYTES) return false;
    try {
      return runCommand(this.#link, prefix[0]!, prefix[1]!, new CommandData(readable, PREFIX_BYTES));
    } catch (error) {
      this.#host.log(`command ${prefix[0]}.${prefix[1]} failed: ${error}`);
      return false;
    }
  }
}
