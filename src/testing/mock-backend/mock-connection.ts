/** One connection of a mock backend: what came, what is sent, and the channel for its own requests. */
import { closeAll, EventFd, type Fd, FdWatch, sendFds } from '../../native/index.js';
import { END, MessageReader } from '../../vhost-user/connection/message-reader.js';
import {
  BackendRequest,
  encodeVringState,
  FrontendRequest,
  HeaderFlag,
  type ReceivedMessage,
} from '../../vhost-user/index.js';
import { answerTo } from './answers.js';
import type { MockDefaults, MockMessage, MockRequest } from './mock-backend.js';
import { encodeMockMessage } from './mock-message.js';

/** What the frontend has said about a vring. */
export interface MockVring {
  base: number;
  size: number;
  enabled: boolean;
  kickFd: EventFd | null;
  callFd: EventFd | null;
  errFd: EventFd | null;
}

const VRING_FDS = {
  [FrontendRequest.setVringKick]: 'kickFd',
  [FrontendRequest.setVringCall]: 'callFd',
  [FrontendRequest.setVringErr]: 'errFd',
} as const;

export class MockBackendConnection {
  readonly options: MockDefaults;
  readonly requests: MockRequest[] = [];
  readonly vrings: MockVring[];
  /** Answers to requests of this side. */
  readonly answers: Uint8Array[] = [];
  config: Uint8Array;
  features = 0n;
  protocolFeatures = 0n;
  status = 0;
  /** What the frontend has put into the device. */
  state = new Uint8Array(0);
  readonly #socket: Fd;
  readonly #reader: MessageReader;
  readonly #watch: FdWatch;
  #channel: Fd | null = null;
  #channelWatch: FdWatch | null = null;

  constructor(socket: Fd, options: MockDefaults) {
    this.options = options;
    this.config = Uint8Array.from(options.config);
    this.vrings = Array.from({ length: options.queues }, newVring);
    this.#socket = socket;
    this.#reader = new MessageReader(socket);
    this.#watch = new FdWatch(socket, () => this.#onReadable());
  }

  get closed(): boolean {
    return this.#socket.closed;
  }

  /** Numbers of the requests that came. */
  get seen(): readonly number[] {
    return this.requests.map(({ request }) => request);
  }

  send(message: MockMessage): void {
    if (!this.closed) sendQuietly(this.#socket, message);
  }

  /** Anything but a message. */
  sendBytes(bytes: Uint8Array): void {
    if (!this.closed) this.#socket.write(bytes);
  }

  /** A request of this side, on the channel that the frontend has given. Throws where it has given none. */
  request(message: MockMessage): void {
    if (this.#channel === null) throw new Error('the frontend has given no channel (SET_BACKEND_REQ_FD)');
    sendQuietly(this.#channel, message);
  }

  /** In-band. */
  callInband(index: number): void {
    const payload = encodeVringState({ index, value: 0 });
    this.request({ request: BackendRequest.vringCall, payload, flags: HeaderFlag.version | HeaderFlag.needReply });
  }

  /** Ends the channel of this side only. */
  closeChannel(): void {
    this.#channelWatch?.close();
    this.#channel?.close();
    this.#channel = null;
  }

  /** As when the process ends. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.#watch.close();
    this.#reader.close();
    this.#socket.close();
    this.closeChannel();
    for (const vring of this.vrings) forgetFds(vring);
  }

  #onReadable(): void {
    try {
      while (!this.closed) {
        const next = this.#reader.next();
        if (next === null) return;
        if (next === END) this.close();
        else this.#onMessage(next);
      }
    } catch {
      this.close();
    }
  }

  #onMessage(message: ReceivedMessage): void {
    const { request, payload, needsReply, fdCount } = message;
    const seen = { request, payload, needsReply, fds: fdCount };
    this.requests.push(seen);
    this.#keepFds(message);
    const right = answerTo(this, message);
    const { interfere } = this.options;
    const answers = interfere === undefined ? (right === null ? [] : [right]) : interfere(seen, right, this);
    for (const answer of answers) this.send(answer);
    closeAll(right?.fds ?? []);
    message.close();
  }

  #keepFds(message: ReceivedMessage): void {
    const { request, payload } = message;
    if (request === FrontendRequest.setBackendReqFd) this.#openChannel(message.takeFds()[0]);
    const name = VRING_FDS[request as keyof typeof VRING_FDS];
    const vring = this.vrings[payload[0] ?? 0];
    if (name === undefined || vring === undefined) return;
    vring[name]?.close();
    const [fd] = message.takeFds();
    vring[name] = fd === undefined ? null : new EventFd(fd.release());
  }

  #openChannel(fd: Fd | undefined): void {
    if (fd === undefined) return;
    const reader = new MessageReader(fd);
    this.#channel = fd;
    this.#channelWatch = new FdWatch(fd, () => this.#collectAnswers(fd, reader));
  }

  #collectAnswers(channel: Fd, reader: MessageReader): void {
    try {
      while (!channel.closed) {
        const next = reader.next();
        if (next === null) return;
        if (next === END) this.closeChannel();
        else this.answers.push(next.payload);
      }
    } catch {
      this.closeChannel();
    }
  }
}

function newVring(): MockVring {
  return { base: 0, size: 0, enabled: false, kickFd: null, callFd: null, errFd: null };
}

function forgetFds(vring: MockVring): void {
  closeAll([vring.kickFd, vring.callFd, vring.errFd].filter((fd) => fd !== null));
}

/** A frontend that has hung up need not be told anything. */
function sendQuietly(socket: Fd, message: MockMessage): void {
  try {
    sendFds(socket, encodeMockMessage(message), message.fds ?? []);
  } catch {
    // It finds out when it reads.
  }
}
