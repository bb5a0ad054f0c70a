/** Conversations into region servers, blocking and on the event loop; what the servers do is compared with a model. */
import { setImmediate } from 'node:timers/promises';
import {
  BlockingServer,
  EventLoopServer,
  ProtocolError,
  type RegisterDevice,
  type ServerEnd,
  type ServerStats,
} from 'ioregion/ioregion';
import { type Fd, type SocketType, socketpair } from 'ioregion/native';
import type { Random } from '../random.js';
import { Conversation } from './conversation.js';
import { expectationOf } from './expectation.js';

const MESSAGE_BYTES = 32;
/** One conversation in so many goes to a server on the event loop, in random pieces. */
const EVENT_LOOP_SHARE = 16;

/** A device with opinions: some offsets throw. */
const device: RegisterDevice = {
  read(offset, size) {
    if (offset % 97 === 0) throw new RangeError('no such register');
    return offset * size;
  },
  write(offset, _size, value) {
    if (offset % 89 === 0 && value % 2 === 0) throw new RangeError('no such value');
  },
};
const REGIONS = [0, 1, 2, 3].map((userData) => ({ userData, device }));

export class ServerFuzz {
  messages = 0;
  conversations = 0;
  responses = 0;
  /** Conversations by how they ended. */
  readonly ends = new Map<string, number>();
  /** Where a server differed from the model, at most ten. */
  readonly wrong: string[] = [];
  readonly #random: Random;
  readonly #conversation: Conversation;
  readonly #response = new Uint8Array(2 * MESSAGE_BYTES);

  constructor(random: Random) {
    this.#random = random;
    this.#conversation = new Conversation(random);
  }

  /** One conversation. */
  async round(): Promise<void> {
    this.#conversation.renew();
    const socketType = this.#random.below(2) === 0 ? 'stream' : 'seqpacket';
    const [commands, serverCommands] = socketpair(socketType);
    const [responses, serverResponses] = socketpair('seqpacket');
    const options = { readFd: serverCommands, writeFd: serverResponses, regions: REGIONS };
    if (this.#random.below(EVENT_LOOP_SHARE) === 0) {
      const server = new EventLoopServer(options);
      await this.#sendInPieces(commands, socketType);
      this.#compare(socketType, await server.ended, server.stats, responses);
    } else {
      this.#send(commands, socketType);
      const server = new BlockingServer(options);
      this.#compare(socketType, server.serve(), server.stats, responses);
    }
    for (const fd of [serverCommands, responses, serverResponses]) fd.close();
  }

  /** All at once, then hangs up. */
  #send(commands: Fd, socketType: SocketType): void {
    const { bytes, lengths, totalBytes } = this.#conversation;
    if (socketType === 'stream') commands.write(bytes.subarray(0, totalBytes));
    else this.#sendPackets(commands, lengths);
    commands.close();
  }

  #sendPackets(commands: Fd, lengths: readonly number[]): void {
    let at = 0;
    for (const length of lengths) {
      commands.write(this.#conversation.bytes.subarray(at, at + length));
      at += length;
    }
  }

  async #sendInPieces(commands: Fd, socketType: SocketType): Promise<void> {
    const { bytes, lengths, totalBytes } = this.#conversation;
    if (socketType !== 'stream') this.#sendPackets(commands, lengths);
    for (let at = 0; socketType === 'stream' && at < totalBytes; ) {
      const piece = Math.min(totalBytes - at, 1 + this.#random.below(200));
      if (!tryWrite(commands, bytes.subarray(at, at + piece))) break;
      at += piece;
      await setImmediate();
    }
    commands.close();
  }

  #compare(socketType: SocketType, end: ServerEnd, stats: ServerStats, responses: Fd): void {
    const expected = expectationOf(this.#conversation, socketType);
    const got = { reads: stats.reads, writes: stats.writes, responses: this.#count(responses), end: nameOf(end) };
    this.conversations += 1;
    this.messages += this.#conversation.lengths.length;
    this.responses += got.responses;
    this.ends.set(got.end, (this.ends.get(got.end) ?? 0) + 1);
    const same = JSON.stringify(got) === JSON.stringify(expected);
    if (!same && this.wrong.length < 10) {
      this.wrong.push(`conversation ${this.conversations}, ${socketType}: ${JSON.stringify({ got, expected })}`);
    }
  }

  /** Well-formed responses that wait in the socket; -1 where one is not. */
  #count(responses: Fd): number {
    const bytes = this.#response;
    let count = 0;
    responses.setNonblock(true);
    for (let length = responses.read(bytes); length !== null && length > 0; length = responses.read(bytes)) {
      if (length !== MESSAGE_BYTES || bytes.subarray(8, MESSAGE_BYTES).some((byte) => byte !== 0)) return -1;
      count += 1;
    }
    return count;
  }
}

/** False where the server has hung up, as it does at a fault. */
function tryWrite(fd: Fd, bytes: Uint8Array): boolean {
  try {
    fd.write(bytes);
    return true;
  } catch {
    return false;
  }
}

function nameOf(end: ServerEnd): string {
  if (end.reason !== 'error') return end.reason;
  return end.error instanceof ProtocolError ? end.error.rule : `errno ${end.error.errno}`;
}
