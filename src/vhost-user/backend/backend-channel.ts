/** The backend's own requests, over the socket that SET_BACKEND_REQ_FD brought. */
import type { Fd } from '../../native/index.js';
import { Connection, type ReceivedMessage } from '../connection/index.js';
import { VhostUserProtocolError } from '../errors.js';
import { decodeU64, encodeVringState, HeaderFlag } from '../message/index.js';
import { BackendRequest } from '../spec/index.js';

/** A frontend that has left this many bytes unread need not be told once more that the configuration has changed. */
const MAX_UNSENT = 4096;

export interface BackendChannelEvents {
  /** The frontend has broken the protocol, or closed the channel. */
  closed(error: Error | null): void;
}

/** What is told about one ring: told once, and again only when it has been acknowledged. */
interface Notice {
  readonly request: number;
  readonly index: number;
  unanswered: boolean;
  again: boolean;
}

export class BackendChannel {
  /** Requests that the frontend answered with a failure. */
  refused = 0;
  readonly #connection: Connection;
  /** Whether acknowledgements are asked for. */
  readonly #acknowledged: boolean;
  readonly #notices = new Map<number, Notice>();
  /** In the order of the requests that will be answered. */
  readonly #unanswered: Notice[] = [];

  constructor(socket: Fd, acknowledged: boolean, { closed }: BackendChannelEvents) {
    this.#acknowledged = acknowledged;
    this.#connection = new Connection(socket, { message: (message) => this.#onReply(message), closed }).unref();
  }

  /** A used buffer notification of a ring. */
  callRing(index: number): void {
    this.#tell(BackendRequest.vringCall, index);
  }

  /** A ring has failed. */
  errRing(index: number): void {
    this.#tell(BackendRequest.vringErr, index);
  }

  configChanged(): void {
    if (this.#connection.unsentBytes < MAX_UNSENT)
      this.#connection.send(BackendRequest.configChangeMsg, new Uint8Array(0));
  }

  send(request: number, payload: Uint8Array): void {
    this.#connection.send(request, payload);
  }

  get closed(): boolean {
    return this.#connection.closed;
  }

  close(): void {
    this.#connection.close();
  }

  #tell(request: number, index: number): void {
    const notice = this.#noticeOf(request, index);
    notice.again = notice.unanswered;
    if (!notice.unanswered) this.#send(notice);
  }

  #noticeOf(request: number, index: number): Notice {
    const key = request * 0x10000 + index;
    const found = this.#notices.get(key) ?? { request, index, unanswered: false, again: false };
    this.#notices.set(key, found);
    return found;
  }

  #send(notice: Notice): void {
    const { request, index } = notice;
    notice.unanswered = this.#acknowledged;
    if (this.#acknowledged) this.#unanswered.push(notice);
    const flags = this.#acknowledged ? HeaderFlag.needReply : 0;
    this.#connection.send(request, encodeVringState({ index, value: 0 }), { flags });
  }

  #onReply(message: ReceivedMessage): void {
    const notice = this.#unanswered.shift();
    if (!message.isReply || notice === undefined || message.request !== notice.request)
      throw new VhostUserProtocolError(`${message.request} does not answer what was asked on the backend channel`);
    if (decodeU64(message.payload) !== 0n) this.refused += 1;
    notice.unanswered = false;
    if (!notice.again) return;
    notice.again = false;
    this.#send(notice);
  }
}
