/** One end of a vhost-user connection, of either side: messages in, messages out, on the event loop. */
import { type Fd, FdWatch, WatchEvent } from '../../native/index.js';
import { VhostUserBacklogError } from '../errors.js';
import { encodeMessage, HeaderFlag } from '../message/index.js';
import { END, MessageReader } from './message-reader.js';
import { Outbox } from './outbox.js';
import type { ReceivedMessage } from './received-message.js';

export interface ConnectionHandler {
  /**
   * Handles one message; the next one comes when it has returned, or when its promise has settled. What it throws or
   * rejects with closes the connection. Descriptors it does not take are closed.
   */
  message(message: ReceivedMessage): void | Promise<void>;
  /** Once, whoever ended it: null where the peer (between messages) or `close` did. */
  closed(error: Error | null): void;
}

export interface SendOptions {
  /** They stay the caller's. */
  readonly fds?: readonly Fd[];
  /** HeaderFlag.reply, HeaderFlag.needReply. */
  readonly flags?: number;
}

/** Messages handled before others on this event loop get their turn. */
const BATCH = 32;
/** Unsent bytes from which on nothing more is read: whoever does not read answers may not ask. */
const HIGH_WATER = 16 * 1024;
/** Unsent bytes at which the peer is given up. */
const MAX_UNSENT = 1024 * 1024;

export class Connection implements Disposable {
  readonly #socket: Fd;
  readonly #handler: ConnectionHandler;
  readonly #reader: MessageReader;
  readonly #outbox: Outbox;
  readonly #watch: FdWatch;
  #handling = false;

  /** Takes over `socket`, which becomes non-blocking. */
  constructor(socket: Fd, handler: ConnectionHandler) {
    this.#socket = socket;
    this.#handler = handler;
    this.#reader = new MessageReader(socket);
    this.#outbox = new Outbox(socket);
    this.#watch = new FdWatch(socket, (status, events) => this.#onReady(status, events));
  }

  get closed(): boolean {
    return this.#socket.closed;
  }

  /** Bytes that the peer has not taken yet. */
  get unsentBytes(): number {
    return this.#outbox.bytes;
  }

  /** Sends one message. Without effect once closed; a failure closes the connection. */
  send(request: number, payload: Uint8Array, { fds = [], flags = 0 }: SendOptions = {}): void {
    if (this.closed) return;
    this.#guard(() => this.#outbox.send(encodeMessage(request, flags, payload), fds));
    if (this.#outbox.bytes > MAX_UNSENT) this.#end(new VhostUserBacklogError(this.#outbox.bytes));
    this.#select();
  }

  /** Answers `message`. */
  reply(message: ReceivedMessage, payload: Uint8Array, fds: readonly Fd[] = []): void {
    this.send(message.request, payload, { fds, flags: HeaderFlag.reply });
  }

  /** Idempotent. */
  close(error: Error | null = null): void {
    this.#end(error);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Lets the process end although the connection is open. */
  unref(): this {
    this.#watch.unref();
    return this;
  }

  #onReady(status: number, events: number): void {
    if (status !== 0) return void this.#end(new Error(`waiting for the connection failed (errno ${-status})`));
    if ((events & WatchEvent.writable) !== 0) this.#guard(() => this.#outbox.flush());
    if ((events & WatchEvent.readable) !== 0) this.#guard(() => this.#readSome());
    this.#select();
  }

  #readSome(): void {
    for (let count = 0; count < BATCH && this.#mayRead; count++) {
      const message = this.#reader.next();
      if (message === null) return;
      if (message === END) return void this.#end(null);
      this.#handle(message);
    }
  }

  get #mayRead(): boolean {
    return !this.closed && !this.#handling && this.#outbox.bytes < HIGH_WATER;
  }

  #handle(message: ReceivedMessage): void {
    let done: void | Promise<void>;
    try {
      done = this.#handler.message(message);
    } finally {
      if (!(done! instanceof Promise)) message.close();
    }
    if (done instanceof Promise) this.#wait(message, done);
  }

  #wait(message: ReceivedMessage, done: Promise<void>): void {
    this.#handling = true;
    const settled = (error: Error | null) => {
      this.#handling = false;
      message.close();
      if (error !== null) this.#end(error);
      this.#select();
    };
    done.then(() => settled(null), settled);
  }

  #select(): void {
    if (this.closed) return;
    const writable = this.#outbox.bytes > 0 ? WatchEvent.writable : 0;
    this.#watch.select((this.#mayRead ? WatchEvent.readable : 0) | writable);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#end(error as Error);
    }
  }

  #end(error: Error | null): void {
    if (this.closed) return;
    this.#watch.close();
    this.#reader.close();
    this.#outbox.close();
    this.#socket.close();
    this.#handler.closed(error);
  }
}
