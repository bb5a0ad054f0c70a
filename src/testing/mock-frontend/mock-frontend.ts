/** The frontend's side of vhost-user, step by step: a right frontend is a few calls, a wrong one sends what it likes. */
import type { GuestMemory } from '../../memory/index.js';
import { closeAll, EventFd, type Fd, FdWatch, socketpair } from '../../native/index.js';
import {
  Connection,
  decodeU64,
  decodeVringState,
  encodeMemoryTable,
  encodeU64,
  encodeVringAddress,
  encodeVringFd,
  encodeVringState,
  FrontendRequest,
  HeaderFlag,
  type MemoryRegionMessage,
  ProtocolFeature,
  type ReceivedMessage,
  VhostFeature,
  VRING_LOG_USED,
} from '../../vhost-user/index.js';
import { Feature, type QueueSetup } from '../../virtio/index.js';
import { MockChannel } from './mock-channel.js';

export interface Answer {
  readonly payload: Uint8Array;
  /** The caller's to close. */
  readonly fds: readonly Fd[];
}

/** The backend answered with a failure. */
export class RefusedError extends Error {
  constructor(readonly request: number) {
    super(`request ${request} was refused`);
  }
}

export interface RingOptions {
  /** 32 bits, as SET_VRING_BASE has it. Default: of a fresh ring. */
  readonly base?: number;
  /** Default: by an eventfd. */
  readonly kicks?: 'fd' | 'inband' | 'poll';
  readonly calls?: 'fd' | 'inband' | 'none';
  /** SET_VRING_ENABLE. Default true; null sends nothing. */
  readonly enable?: boolean | null;
  /** Addresses of the ring are I/O virtual ones, equal to gpas. Default false: user addresses. */
  readonly iova?: boolean;
  /** Writes to the used ring are logged. Default false. */
  readonly log?: boolean;
}

interface Waiting {
  readonly request: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

interface Notifiers {
  readonly kick: EventFd | null;
  readonly call: EventFd | null;
  readonly err: EventFd;
  readonly watch: FdWatch | null;
}

/** User addresses are gpas plus this. */
export const USER_BASE = 0x7f00_0000_0000n;

export class MockFrontend {
  readonly connection: Connection;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<Error | null>;
  /** Called for each call by eventfd. */
  onCall: (index: number) => void = () => {};
  features = 0n;
  protocolFeatures = 0n;
  channel: MockChannel | null = null;
  readonly #waiting: Waiting[] = [];
  readonly #notifiers = new Map<number, Notifiers>();

  /** Takes over `socket`. */
  constructor(socket: Fd) {
    let ended: (error: Error | null) => void = () => {};
    this.closed = new Promise((resolve) => {
      ended = resolve;
    });
    this.connection = new Connection(socket, {
      message: (message) => this.#onMessage(message),
      closed: (error) => {
        for (const { reject } of this.#waiting.splice(0))
          reject(error ?? new Error('the backend closed the connection'));
        ended(error);
      },
    });
  }

  /** Sends a request, without waiting for anything. */
  tell(request: number, payload: Uint8Array = new Uint8Array(0), fds: readonly Fd[] = [], flags = 0): void {
    this.connection.send(request, payload, { fds, flags });
  }

  /** Sends a request that has a reply of its own. */
  ask(request: number, payload: Uint8Array = new Uint8Array(0), fds: readonly Fd[] = [], flags = 0): Promise<Answer> {
    if (this.connection.closed) return Promise.reject(new Error('the connection is closed'));
    const answer = new Promise<Answer>((resolve, reject) => this.#waiting.push({ request, resolve, reject }));
    this.tell(request, payload, fds, flags);
    return answer;
  }

  /** Sends a request and waits until it has been carried out, where REPLY_ACK allows it. Rejects with RefusedError. */
  async order(request: number, payload: Uint8Array = new Uint8Array(0), fds: readonly Fd[] = []): Promise<void> {
    if ((this.protocolFeatures & ProtocolFeature.replyAck) === 0n) return this.tell(request, payload, fds);
    const answer = await this.ask(request, payload, fds, HeaderFlag.needReply);
    if (decodeU64(answer.payload) !== 0n) throw new RefusedError(request);
  }

  async get(request: number): Promise<bigint> {
    return decodeU64((await this.ask(request)).payload);
  }

  /** The opening of a connection: what is offered of `features` and `protocolFeatures` is accepted. */
  async negotiate({
    features = Feature.version1,
    protocolFeatures = ProtocolFeature.replyAck | ProtocolFeature.config | ProtocolFeature.mq,
  } = {}): Promise<void> {
    this.tell(FrontendRequest.setOwner);
    const offered = await this.get(FrontendRequest.getFeatures);
    this.features = offered & (features | VhostFeature.protocolFeatures);
    const offeredProtocol = await this.get(FrontendRequest.getProtocolFeatures);
    this.protocolFeatures = offeredProtocol & protocolFeatures;
    this.tell(FrontendRequest.setProtocolFeatures, encodeU64(this.protocolFeatures));
    if ((this.protocolFeatures & ProtocolFeature.backendReq) !== 0n) await this.openChannel();
    await this.order(FrontendRequest.setFeatures, encodeU64(this.features));
  }

  async openChannel(): Promise<MockChannel> {
    const [ours, theirs] = socketpair('stream');
    this.channel?.close();
    this.channel = new MockChannel(ours);
    try {
      await this.order(FrontendRequest.setBackendReqFd, new Uint8Array(0), [theirs]);
    } finally {
      theirs.close();
    }
    return this.channel;
  }

  /** SET_MEM_TABLE. */
  async shareMemory(memory: GuestMemory): Promise<void> {
    const { regions, fds } = this.describe(memory);
    await this.order(FrontendRequest.setMemTable, encodeMemoryTable(regions), fds);
  }

  /** Regions of memory as messages have them; the descriptors stay the memory's. */
  describe(memory: GuestMemory): { regions: MemoryRegionMessage[]; fds: Fd[] } {
    const regions = memory.regions.map(({ gpa, size, file }) => ({
      guestAddress: BigInt(gpa),
      size: BigInt(size),
      userAddress: USER_BASE + BigInt(gpa),
      mmapOffset: BigInt(file!.offset),
    }));
    return { regions, fds: memory.regions.map(({ file }) => file!.fd) };
  }

  /** Everything a ring needs, in the order of QEMU. */
  async startRing(setup: QueueSetup, options: RingOptions = {}): Promise<void> {
    const { index, size } = setup;
    const { base = freshBase(setup), kicks = 'fd', calls = 'fd', enable = true } = options;
    await this.order(FrontendRequest.setVringNum, encodeVringState({ index, value: size }));
    await this.order(FrontendRequest.setVringBase, encodeVringState({ index, value: base }));
    await this.setAddress(setup, options);
    await this.notify(index, kicks, calls);
    if (enable !== null) await this.enable(index, enable);
  }

  setAddress(setup: QueueSetup, { log = false, iova = false }: RingOptions = {}): Promise<void> {
    const base = iova ? 0n : USER_BASE;
    const payload = encodeVringAddress({
      index: setup.index,
      flags: log ? VRING_LOG_USED : 0,
      descriptors: base + setup.descriptors,
      used: base + setup.deviceArea,
      available: base + setup.driverArea,
      log: setup.deviceArea,
    });
    return this.order(FrontendRequest.setVringAddr, payload);
  }

  enable(index: number, enabled: boolean): Promise<void> {
    return this.order(FrontendRequest.setVringEnable, encodeVringState({ index, value: enabled ? 1 : 0 }));
  }

  /** GET_VRING_BASE. */
  async stopRing(index: number): Promise<number> {
    const { payload } = await this.ask(FrontendRequest.getVringBase, encodeVringState({ index, value: 0 }));
    return decodeVringState(payload).value;
  }

  /** By eventfd, or in-band where there is none. */
  kick(index: number): void {
    const kick = this.#notifiers.get(index)?.kick;
    if (kick != null) kick.signal();
    else this.tell(FrontendRequest.vringKick, encodeVringState({ index, value: 0 }));
  }

  /** How often the ring's error eventfd has been signalled since the last look. */
  takeErrors(index: number): number {
    return Number(this.#notifiers.get(index)?.err.take() ?? 0n);
  }

  close(): void {
    this.connection.close();
    this.channel?.close();
    for (const notifiers of this.#notifiers.values()) closeNotifiers(notifiers);
    this.#notifiers.clear();
  }

  /** SET_VRING_CALL, SET_VRING_ERR and SET_VRING_KICK, with new eventfds. */
  async notify(index: number, kicks: 'fd' | 'inband' | 'poll', calls: 'fd' | 'inband' | 'none'): Promise<void> {
    const before = this.#notifiers.get(index);
    if (before !== undefined) closeNotifiers(before);
    const kick = kicks === 'fd' ? EventFd.create() : null;
    const call = calls === 'fd' ? EventFd.create() : null;
    const err = EventFd.create();
    this.#notifiers.set(index, { kick, call, err, watch: call === null ? null : this.#watch(index, call) });
    await this.#setFd(FrontendRequest.setVringCall, index, call);
    await this.#setFd(FrontendRequest.setVringErr, index, err);
    if (kicks !== 'inband') await this.#setFd(FrontendRequest.setVringKick, index, kick);
  }

  #setFd(request: number, index: number, fd: EventFd | null): Promise<void> {
    return this.order(request, encodeVringFd({ index, hasFd: fd !== null }), fd === null ? [] : [fd]);
  }

  #watch(index: number, call: EventFd): FdWatch {
    return new FdWatch(call, () => {
      if (call.testAndClear()) this.onCall(index);
    }).unref();
  }

  #onMessage(message: ReceivedMessage): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined || waiting.request !== message.request || !message.isReply)
      throw new Error(`the backend sent ${message.request}, which nobody asked for`);
    waiting.resolve({ payload: message.payload, fds: message.takeFds() });
  }
}

function freshBase({ features, position }: QueueSetup): number {
  const packed = (features & Feature.ringPacked) !== 0n;
  const { available, used } = position ?? (packed ? { available: 0x8000, used: 0x8000 } : { available: 0, used: 0 });
  return packed ? ((used << 16) | available) >>> 0 : available;
}

function closeNotifiers({ kick, call, err, watch }: Notifiers): void {
  watch?.close();
  closeAll([kick, call, err].filter((fd) => fd !== null));
}
