/** Requests to a backend and its answers: in order, each within a time limit, each what was asked for. */
import { type Fd, IoregionError } from '../../native/index.js';
import { Connection, type ReceivedMessage } from '../connection/index.js';
import { VhostUserProtocolError } from '../errors.js';
import { decodeU64, HeaderFlag } from '../message/index.js';
import { frontendRequestName } from '../spec/index.js';
import { BackendGoneError, BackendRefusedError, BackendTimeoutError } from './errors.js';

export interface Answer {
  readonly payload: Uint8Array;
  /** At most as many as the question allowed; the caller closes them. */
  readonly fds: readonly Fd[];
}

export interface AskOptions {
  readonly fds?: readonly Fd[];
  /** Descriptors that may come with the answer. Default 0. */
  readonly maxFds?: number;
}

interface Outstanding {
  readonly request: number;
  readonly maxFds: number;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

const OK = 0n;
const GRACE_MS = 100;

export class RequestChannel implements Disposable {
  /** REPLY_ACK has been negotiated: requests without an answer of their own are acknowledged. */
  acknowledges = false;
  readonly #connection: Connection;
  /** What a backend gets for each answer. */
  readonly limitMs: number;
  readonly #outstanding: Outstanding[] = [];
  readonly #closed: (error: Error | null) => void;
  #timer: NodeJS.Timeout | undefined;

  /** `closed` is called once: with null where `close` was. Takes over the socket. */
  constructor(socket: Fd, limitMs: number, closed: (error: Error | null) => void) {
    this.limitMs = limitMs;
    this.#closed = closed;
    this.#connection = new Connection(socket, {
      message: (message) => this.#onAnswer(message),
      closed: (error) => this.#onClosed(error),
    });
  }

  get closed(): boolean {
    return this.#connection.closed;
  }

  /**
   * A request that has an answer of its own. Rejects with BackendTimeoutError, BackendGoneError or VhostUserProtocolError;
   * the connection is closed then.
   */
  ask(request: number, payload: Uint8Array, options: AskOptions = {}): Promise<Answer> {
    return this.#send(request, payload, 0, options);
  }

  /**
   * A request without one. With REPLY_ACK it resolves when it is acknowledged, and rejects with BackendRefusedError where the
   * backend says it failed.
   */
  async tell(request: number, payload: Uint8Array, fds: readonly Fd[] = []): Promise<void> {
    if (!this.acknowledges) return this.#sendOnly(request, payload, fds);
    const answer = await this.#send(request, payload, HeaderFlag.needReply, { fds });
    const result = this.#checked(() => decodeU64(answer.payload));
    if (result !== OK) throw new BackendRefusedError(request, `it answered ${result}`);
  }

  /** Decodes an answer; one that is malformed ends the connection. */
  decode<Value>(decoder: () => Value): Value {
    return this.#checked(decoder);
  }

  /** Ends the connection because of what the backend did. */
  fail(error: Error): void {
    this.#connection.close(error);
  }

  /** Idempotent. Outstanding requests are rejected. */
  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #checked<Value>(decoder: () => Value): Value {
    try {
      return decoder();
    } catch (error) {
      this.fail(error as Error);
      throw error;
    }
  }

  #sendOnly(request: number, payload: Uint8Array, fds: readonly Fd[]): void {
    if (this.closed) throw new BackendGoneError(`before ${frontendRequestName(request)}`);
    this.#connection.send(request, payload, { fds });
  }

  #send(request: number, payload: Uint8Array, flags: number, { fds = [], maxFds = 0 }: AskOptions): Promise<Answer> {
    if (this.closed) return Promise.reject(new BackendGoneError(`before ${frontendRequestName(request)}`));
    return new Promise((resolve, reject) => {
      this.#outstanding.push({ request, maxFds, resolve, reject });
      if (this.#outstanding.length === 1) this.#startTimer();
      this.#connection.send(request, payload, { fds, flags });
    });
  }

  #onAnswer(message: ReceivedMessage): void {
    const first = this.#outstanding[0];
    checkAnswer(message, first);
    this.#outstanding.shift();
    this.#startTimer();
    first!.resolve({ payload: message.payload, fds: message.takeFds() });
  }

  /** Of the oldest request: each answer gives the next one its time. */
  #startTimer(): void {
    clearTimeout(this.#timer);
    const first = this.#outstanding[0];
    if (first !== undefined) this.#timer = setTimeout(() => this.#expire(first.request), this.limitMs);
  }

  /** Time may have passed because this process was stopped itself: what has come meanwhile is read first. */
  #expire(request: number): void {
    this.#timer = setTimeout(() => this.fail(new BackendTimeoutError(request, this.limitMs)), GRACE_MS);
  }

  #onClosed(error: Error | null): void {
    clearTimeout(this.#timer);
    const reason = error === null || error instanceof IoregionError ? error : new BackendGoneError('at once', error);
    for (const { request, reject } of this.#outstanding.splice(0)) {
      reject(reason ?? new BackendGoneError(`during ${frontendRequestName(request)}`));
    }
    this.#closed(reason);
  }
}

function checkAnswer(message: ReceivedMessage, expected: Outstanding | undefined): void {
  const name = frontendRequestName(message.request);
  if (!message.isReply) throw new VhostUserProtocolError(`the backend sent ${name}, which is not an answer`);
  if (expected === undefined) throw new VhostUserProtocolError(`an answer to ${name}, which was not asked`);
  if (message.request !== expected.request)
    throw new VhostUserProtocolError(`an answer to ${name} instead of ${frontendRequestName(expected.request)}`);
  if (message.fdCount > expected.maxFds)
    throw new VhostUserProtocolError(`${message.fdCount} descriptor(s) with the answer to ${name}`);
}
