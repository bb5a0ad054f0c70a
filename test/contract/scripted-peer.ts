/** A device that does exactly what a test tells it, byte by byte, and sees exactly the bytes that were sent. */
import { CommandView, encodeResponse, MESSAGE_SIZE, messageWords, ruleOf, WireFault } from 'ioregion/ioregion';
import { FdWatch } from 'ioregion/native';
import { soon } from './bounded.js';
import type { Ends, FdKind } from './channel.js';

/** A command as it came. */
export interface SeenCommand {
  readonly bytes: Uint8Array;
  readonly write: boolean;
  readonly size: number;
  readonly responseWanted: boolean;
  readonly userData: bigint;
  readonly offset: number;
  readonly data: bigint;
}

/** More than a message, so that a longer packet shows. */
const READ_BYTES = 64 * MESSAGE_SIZE;

export class ScriptedPeer {
  readonly #kind: FdKind;
  readonly #ends: Ends;
  #stream: Uint8Array = new Uint8Array();

  constructor(kind: FdKind, ends: Ends) {
    this.#kind = kind;
    this.#ends = ends;
  }

  /** The next command. Rejects where none comes, or something else than a v3 command. */
  async command(): Promise<SeenCommand> {
    const bytes = await soon(this.#message(), 'a command');
    return decode(bytes);
  }

  async commands(count: number): Promise<SeenCommand[]> {
    const seen: SeenCommand[] = [];
    while (seen.length < count) seen.push(await this.command());
    return seen;
  }

  /** Takes the next command and answers it. */
  async answer(value: bigint | number): Promise<SeenCommand> {
    const command = await this.command();
    this.respond(value);
    return command;
  }

  respond(value: bigint | number): void {
    this.send(responseBytes(value));
  }

  /** Writes bytes as they are: one packet where packets have bounds. */
  send(bytes: Uint8Array): void {
    const written = this.#ends.writeFd.write(bytes);
    if (written !== bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes could be written`);
  }

  /** Bytes that have been sent and not been taken here. */
  pendingBytes(): number {
    return this.#stream.length + this.#ends.readFd.pendingBytes();
  }

  /** Settles once there is something to read, or the other side has hung up. */
  async readable(): Promise<void> {
    let watch: FdWatch | undefined;
    const ready = new Promise<void>((resolve) => {
      watch = new FdWatch(this.#ends.readFd, () => resolve());
    });
    try {
      await soon(ready, 'something to read');
    } finally {
      watch?.close();
    }
  }

  /** Everything there is up to the end of file. */
  async untilHangUp(): Promise<SeenCommand[]> {
    const seen: SeenCommand[] = [];
    for (let bytes = await this.#read(); bytes.length > 0; bytes = await this.#read()) {
      for (let at = 0; at < bytes.length; at += MESSAGE_SIZE) seen.push(decode(bytes.subarray(at, at + MESSAGE_SIZE)));
    }
    return seen;
  }

  async #message(): Promise<Uint8Array> {
    if (this.#kind === 'seqpacket') return await this.#read();
    while (this.#stream.length < MESSAGE_SIZE) this.#stream = joined(this.#stream, await this.#read());
    const message = this.#stream.slice(0, MESSAGE_SIZE);
    this.#stream = this.#stream.slice(MESSAGE_SIZE);
    return message;
  }

  async #read(): Promise<Uint8Array> {
    const buffer = new Uint8Array(READ_BYTES);
    if (this.#ends.readFd.pendingBytes() === 0) await this.readable();
    const count = this.#ends.readFd.read(buffer);
    return count === null ? await this.#read() : buffer.subarray(0, count);
  }
}

export function responseBytes(value: bigint | number): Uint8Array {
  const words = messageWords(new ArrayBuffer(MESSAGE_SIZE), 0, 1);
  const wide = BigInt(value);
  encodeResponse(words, 0, Number(wide & 0xffffffffn), Number(wide >> 32n));
  return new Uint8Array(words.buffer);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (b.length === 0) throw new Error('the dispatcher hung up');
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function decode(bytes: Uint8Array): SeenCommand {
  if (bytes.length !== MESSAGE_SIZE) throw new Error(`a message of ${bytes.length} bytes`);
  const copy = bytes.slice();
  const view = new CommandView(copy.buffer, 0, 1);
  const fault = view.decode(0);
  if (fault !== WireFault.none || view.version !== 3) throw new Error(`no v3 command: ${ruleOf(fault)}`);
  return {
    bytes: copy,
    write: view.kind === 1,
    size: view.size,
    responseWanted: view.responseWanted,
    userData: view.userData,
    offset: view.offset,
    data: (BigInt(view.dataHigh) << 32n) | BigInt(view.dataLow),
  };
}
