/** A connection to the control socket: lines are carried out one after the other, and no more is read meanwhile. */
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Fd } from '../../native/index.js';
import type { ControlledMachine } from './command.js';
import { ControlError } from './errors.js';
import { answerLine, type ControlAnswer, failure } from './request.js';

/** Bytes. */
const MAX_LINE = 64 * 1024;
const NEWLINE = 0x0a;

export class ControlConnection {
  /** Resolves when it is closed. Does not reject. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  #closing = false;
  #busy = false;

  /** Takes over the descriptor. */
  constructor(connection: Fd, machine: Promise<ControlledMachine>) {
    /* Who has sent all that he has to say still waits for answers. */
    this.#socket = new Socket({ fd: connection.release(), allowHalfOpen: true });
    this.#socket.on('error', () => this.#socket.destroy()); /* it has hung up */
    this.ended = this.#serve(machine).finally(() => this.#socket.destroySoon());
  }

  /** Tells why, and hangs up. */
  static refuse(connection: Fd, reason: string): void {
    const socket = new Socket({ fd: connection.release() });
    socket.on('error', () => socket.destroy());
    socket.end(encode(failure(new ControlError(reason))));
    socket.destroySoon();
  }

  /** Hangs up, after the answer to the line under way. */
  close(): void {
    this.#closing = true;
    if (!this.#busy) this.#socket.destroySoon();
  }

  async #serve(machine: Promise<ControlledMachine>): Promise<void> {
    try {
      for await (const line of this.#lines()) {
        this.#busy = true;
        await this.#answer(line === null ? tooLong() : await answerLine(await machine, line));
        this.#busy = false;
        if (this.#closing || line === null) return;
      }
    } catch {
      // It has hung up, or the machine did not start: nobody is there to be told.
    }
  }

  async #answer(answer: ControlAnswer): Promise<void> {
    if (this.#socket.write(encode(answer)) || this.#socket.destroyed) return;
    await Promise.race([once(this.#socket, 'drain'), once(this.#socket, 'close')]);
  }

  /** Null for one that is too long: the rest is not looked at. */
  async *#lines(): AsyncGenerator<string | null> {
    let rest: Buffer = Buffer.alloc(0);
    const chunks: AsyncIterable<Buffer> = this.#socket.iterator({ destroyOnReturn: false });
    for await (const chunk of chunks) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
        if (end > MAX_LINE) return yield null;
        const line = rest.toString('utf8', 0, end).trim();
        rest = rest.subarray(end + 1);
        if (line !== '') yield line;
      }
      if (rest.length > MAX_LINE) return yield null;
    }
  }
}

function tooLong(): ControlAnswer {
  return failure(new ControlError(`a line has at most ${MAX_LINE} bytes`));
}

/** Bigints become numbers: they are counters. */
function encode(answer: ControlAnswer): string {
  const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value);
  return `${JSON.stringify(answer, plain)}\n`;
}
