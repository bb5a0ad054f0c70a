/** The backend's own requests, over the socket that SET_BACKEND_REQ_FD brought. */
import type { Fd } from '../../native/index.js';
import { Connection, type ReceivedMessage } from '../connection/index.js';
import { VhostUserProtocolError } from '../errors.js';
import { decodeU64, encodeVringState, HeaderFlag } from '../message/index.js';
import { BackendRequest } from '../spec/index.js';
import type { IovaRange } from './iotlb.js';
import { TranslationMisses } from './translation-misses.js';

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

/** A request whose answer is awaited. */
interface Awaited {
  readonly request: number;
  answered(): void;
}

export interface BackendChannelOptions {
  /** REPLY_ACK has been negotiated. */
  readonly replyAck: boolean;
  /** Whether acknowledgements of what is told about rings are asked for, where they can be. */
  readonly acknowledgeCalls: boolean;
}

export class BackendChannel {
  /** Requests that the frontend answered with a failure. */
  refused = 0;
  readonly #connection: Connection;
  readonly #replyAck: boolean;
  /** Whether acknowledgements of notices are asked for. */
  readonly #acknowledged: boolean;
  readonly #notices = new Map<number, Notice>();
  /** In the order of the requests that will be answered. */
  readonly #unanswered: Awaited[] = [];
  readonly #misses: TranslationMisses;

  constructor(socket: Fd, { replyAck, acknowledgeCalls }: BackendChannelOptions, { closed }: BackendChannelEvents) {
    this.#replyAck = replyAck;
    this.#acknowledged = replyAck && acknowledgeCalls;
    this.#misses = new TranslationMisses((payload, answered) => this.#ask(BackendRequest.iotlbMsg, payload, answered));
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

  /** Asks for a translation (IOTLB_MSG, a miss). */
  miss(iova: number, writing: boolean): void {
    this.#misses.add(iova, writing);
  }

  /** Translations that have come, or been taken back, are not asked for any more. null: all. */
  forgetMisses(range: IovaRange | null): void {
    this.#misses.forget(range);
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
    const payload = encodeVringState({ index, value: 0 });
    notice.unanswered = this.#acknowledged;
    if (this.#acknowledged) this.#await(request, payload, () => this.#onAcknowledged(notice));
    else this.#connection.send(request, payload);
  }

  #onAcknowledged(notice: Notice): void {
    notice.unanswered = false;
    if (!notice.again) return;
    notice.again = false;
    this.#send(notice);
  }

  /** Where no answer can be had, it counts as answered. */
  #ask(request: number, payload: Uint8Array, answered: () => void): void {
    if (this.#replyAck) this.#await(request, payload, answered);
    else {
      this.#connection.send(request, payload);
      answered();
    }
  }

  #await(request: number, payload: Uint8Array, answered: () => void): void {
    this.#unanswered.push({ request, answered });
    this.#connection.send(request, payload, { flags: HeaderFlag.needReply });
  }

  #onReply(message: ReceivedMessage): void {
    const awaited = this.#unanswered.shift();
    if (!message.isReply || awaited === undefined || message.request !== awaited.request)
      throw new VhostUserProtocolError(`${message.request} does not answer what was asked on the backend channel`);
    if (decodeU64(message.payload) !== 0n) this.refused += 1;
    awaited.answered();
  }
}
