/** Requests of the backend, on the channel that SET_BACKEND_REQ_FD made ("Back-end message types"). */
import type { Fd } from '../../native/index.js';
import { Connection, type ReceivedMessage } from '../connection/index.js';
import { VhostUserProtocolError } from '../errors.js';
import { decodeIotlb, decodeVringState, encodeU64, HeaderFlag, type IotlbMessage } from '../message/index.js';
import { BackendRequest, backendRequestName } from '../spec/index.js';

/** Each returns whether it could be done. None may throw. */
export interface BackendRequests {
  configChanged(): boolean;
  /** In-band notification of a queue, which exists. */
  call(queue: number): boolean;
  /** The backend cannot go on with the queue. */
  failed(queue: number): boolean;
  iotlb(message: IotlbMessage): boolean;
  /** The channel has ended; null where the backend or `close` did that. */
  closed(error: Error | null): void;
}

export interface BackendChannelOptions {
  readonly requests: BackendRequests;
  readonly queues: number;
  /** INBAND_NOTIFICATIONS has been negotiated. */
  readonly inband: boolean;
  /** REPLY_ACK has been negotiated. */
  readonly acknowledges: boolean;
}

const REFUSED = 1;

export class BackendChannel implements Disposable {
  readonly #options: BackendChannelOptions;
  readonly #connection: Connection;

  /** Takes over the socket. */
  constructor(socket: Fd, options: BackendChannelOptions) {
    this.#options = options;
    this.#connection = new Connection(socket, {
      message: (message) => this.#onRequest(message),
      closed: (error) => options.requests.closed(error),
    });
  }

  /** Idempotent. */
  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #onRequest(message: ReceivedMessage): void {
    const name = backendRequestName(message.request);
    if (message.isReply) throw new VhostUserProtocolError(`an answer to ${name}, which was not asked`);
    if (message.needsReply && !this.#options.acknowledges)
      throw new VhostUserProtocolError(`${name} demands an answer without REPLY_ACK`);
    const done = this.#carryOut(message);
    if (!message.needsReply) return;
    this.#connection.send(message.request, encodeU64(done ? 0 : REFUSED), { flags: HeaderFlag.reply });
  }

  /** Requests that this frontend has no use for are refused: their descriptors are closed. */
  #carryOut(message: ReceivedMessage): boolean {
    const { requests } = this.#options;
    switch (message.request) {
      case BackendRequest.configChangeMsg:
        checkPlain(message, 0);
        return requests.configChanged();
      case BackendRequest.vringCall:
        return this.#notified(message, (queue) => requests.call(queue));
      case BackendRequest.vringErr:
        return this.#notified(message, (queue) => requests.failed(queue));
      case BackendRequest.iotlbMsg:
        checkPlain(message, message.payload.length);
        return requests.iotlb(decodeIotlb(message.payload));
      default:
        return false;
    }
  }

  /** VRING_CALL and VRING_ERR: a vring state, in the direction that only in-band notifications have. */
  #notified(message: ReceivedMessage, notify: (queue: number) => boolean): boolean {
    if (!this.#options.inband)
      throw new VhostUserProtocolError(`${backendRequestName(message.request)} without INBAND_NOTIFICATIONS`);
    checkPlain(message, message.payload.length);
    const { index } = decodeVringState(message.payload);
    return index < this.#options.queues && notify(index);
  }
}

function checkPlain(message: ReceivedMessage, bytes: number): void {
  if (message.payload.length !== bytes || message.fdCount !== 0)
    throw new VhostUserProtocolError(
      `${backendRequestName(message.request)} with ${message.payload.length} byte(s) and ${message.fdCount} descriptor(s)`,
    );
}
