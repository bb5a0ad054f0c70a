/** Bytes and descriptors of a stream, put together to messages. */
import { closeAll, type Fd, receiveFds } from '../../native/index.js';
import { VhostUserProtocolError } from '../errors.js';
import { decodeHeader, HEADER_BYTES, type Header, MAX_PAYLOAD_BYTES } from '../message/index.js';
import { MAX_MESSAGE_FDS } from '../spec/index.js';
import { ReceivedMessage } from './received-message.js';

/** The peer has ended the connection between two messages. */
export const END = Symbol('end');

export class MessageReader {
  readonly #socket: Fd;
  readonly #bytes = new Uint8Array(HEADER_BYTES + MAX_PAYLOAD_BYTES);
  #have = 0;
  #header: Header | null = null;
  #fds: Fd[] = [];

  constructor(socket: Fd) {
    this.#socket = socket;
  }

  /**
   * The next message, null where it is not all there yet, END after the last one. Throws VhostUserProtocolError or
   * SystemError; the connection is of no use then.
   */
  next(): ReceivedMessage | typeof END | null {
    while (this.#have < this.#wanted) {
      const received = receiveFds(
        this.#socket,
        this.#bytes.subarray(this.#have, this.#wanted),
        MAX_MESSAGE_FDS - this.#fds.length,
      );
      if (received === null) return null;
      this.#fds.push(...received.fds);
      if (received.truncated) throw new VhostUserProtocolError('more descriptors than a message can have');
      if (received.bytes === 0) return this.#end();
      this.#have += received.bytes;
      if (this.#header === null && this.#have === HEADER_BYTES) this.#header = decodeHeader(this.#bytes);
    }
    return this.#take(this.#header!);
  }

  /** Closes descriptors of a message that has not come to its end. */
  close(): void {
    closeAll(this.#fds.splice(0));
  }

  get #wanted(): number {
    return HEADER_BYTES + (this.#header?.size ?? 0);
  }

  #end(): typeof END {
    if (this.#have > 0) throw new VhostUserProtocolError('the connection ended in the middle of a message');
    return END;
  }

  #take(header: Header): ReceivedMessage {
    const payload = this.#bytes.slice(HEADER_BYTES, this.#have);
    const message = new ReceivedMessage(header, payload, this.#fds);
    this.#fds = [];
    this.#have = 0;
    this.#header = null;
    return message;
  }
}
