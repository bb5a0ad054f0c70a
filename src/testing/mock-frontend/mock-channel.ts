/** The frontend's end of the backend channel: what the backend asks, answered at once or when a test says so. */
import type { Fd } from '../../native/index.js';
import { Connection, encodeU64, type ReceivedMessage } from '../../vhost-user/index.js';

export interface ChannelRequest {
  readonly request: number;
  readonly payload: Uint8Array;
  readonly needsReply: boolean;
}

export class MockChannel {
  readonly requests: ChannelRequest[] = [];
  readonly connection: Connection;
  /** Called for each request. */
  onRequest: (request: ChannelRequest) => void = () => {};
  /** What requests are answered with that want an answer; null holds answers back until `answerAll`. */
  answer: bigint | null = 0n;
  #held: number[] = [];

  constructor(socket: Fd) {
    this.connection = new Connection(socket, { message: (message) => this.#onMessage(message), closed: () => {} });
  }

  /** Answers what has been held back. */
  answerAll(value = 0n): void {
    for (const request of this.#held.splice(0)) this.#reply(request, value);
  }

  close(): void {
    this.connection.close();
  }

  #onMessage({ request, payload, needsReply }: ReceivedMessage): void {
    const entry = { request, payload, needsReply };
    this.requests.push(entry);
    if (needsReply && this.answer !== null) this.#reply(request, this.answer);
    else if (needsReply) this.#held.push(request);
    this.onRequest(entry);
  }

  #reply(request: number, value: bigint): void {
    this.connection.send(request, encodeU64(value), { flags: 4 });
  }
}
