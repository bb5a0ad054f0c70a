/** One connection to a backend: negotiated, memory shared, its vrings started and stopped. */
import type { GuestMemory } from '../../memory/index.js';
import { type Fd, socketpair } from '../../native/index.js';
import type { QueuePosition, QueueSetup } from '../../virtio/index.js';
import { VhostUserProtocolError } from '../errors.js';
import { encodeU64, encodeVringAddress, encodeVringState } from '../message/index.js';
import { FrontendRequest, ProtocolFeature, VhostFeature } from '../spec/index.js';
import { BackendChannel } from './backend-channel.js';
import type { DirtyLog } from './dirty-log.js';
import { BackendUnsuitableError } from './errors.js';
import { InflightArea, type InflightShape } from './inflight-area.js';
import { answerMiss, identity, type Translator } from './iotlb.js';
import { shareMemory } from './memory-table.js';
import { getU64, negotiate } from './negotiation.js';
import { RequestChannel } from './request-channel.js';
import { addressesOf, startVring, stopVring, type VringStart } from './vring.js';

/** What a backend says by itself. None may throw. */
export interface FrontendSessionEvents {
  configChanged(): void;
  /** An in-band call. */
  call(queue: number): void;
  /** An in-band error. */
  failed(queue: number): void;
  /** The connection has ended: null where `close`, or the backend without a fault, has ended it. Once. */
  closed(error: Error | null): void;
}

export interface FrontendSessionOptions {
  readonly memory: GuestMemory;
  readonly events: FrontendSessionEvents;
  /** What a backend without MQ has. */
  readonly queues: number;
  /** For each answer, ms. */
  readonly replyMs: number;
  /** Kicks and calls by message ("In-band notifications"). */
  readonly inband: boolean;
  /** Protocol features not to use. */
  readonly withheld: bigint;
  /** null: addresses of the device are guest addresses. */
  readonly translator: Translator | null;
}

/** Virtqueues that vring messages can name. */
const MAX_QUEUES = 256;

/** Rejections of all methods: BackendTimeoutError, BackendRefusedError, BackendGoneError, VhostUserProtocolError. */
export class FrontendSession implements Disposable {
  readonly channel: RequestChannel;
  /** Features of the backend, bits of vhost-user included. */
  offered = 0n;
  /** Protocol features in use. */
  protocol = 0n;
  queues = 0;
  readonly #options: FrontendSessionOptions;
  #backend: BackendChannel | null = null;
  #memoryShared = false;

  private constructor(socket: Fd, options: FrontendSessionOptions) {
    this.#options = options;
    this.channel = new RequestChannel(socket, options.replyMs, (error) => {
      this.#backend?.close();
      options.events.closed(error);
    });
  }

  /** Takes over the socket. Where it rejects, nothing of the connection is left, and `closed` may have been called. */
  static async open(socket: Fd, options: FrontendSessionOptions): Promise<FrontendSession> {
    const session = new FrontendSession(socket, options);
    try {
      await session.#negotiate();
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  get closed(): boolean {
    return this.channel.closed;
  }

  has(protocolFeature: bigint): boolean {
    return (this.protocol & protocolFeature) === protocolFeature;
  }

  /** What the driver has accepted, and whether writes are logged. */
  setFeatures(driverFeatures: bigint, logged: boolean): Promise<void> {
    const own = VhostFeature.protocolFeatures | (logged ? VhostFeature.logAll : 0n);
    return this.channel.tell(FrontendRequest.setFeatures, encodeU64((driverFeatures | own) & this.offered));
  }

  /** Once per connection; before the first vring. */
  async shareMemory(): Promise<void> {
    if (this.#memoryShared) return;
    await shareMemory(this.channel, this.protocol, this.#options.memory);
    this.#memoryShared = true;
  }

  /** Hands over the area of an earlier connection, or has one made; null where the backend knows none. */
  async giveInflight(kept: InflightArea | null, shape: InflightShape): Promise<InflightArea | null> {
    if (!this.has(ProtocolFeature.inflightShmfd)) return null;
    if (kept?.fits(shape)) {
      await kept.give(this.channel);
      return kept;
    }
    const area = await InflightArea.allocate(this.channel, shape);
    try {
      await area.give(this.channel);
      return area;
    } catch (error) {
      area.close();
      throw error;
    }
  }

  startVring(start: Omit<VringStart, 'enable'>): Promise<void> {
    const enable = (this.offered & VhostFeature.protocolFeatures) !== 0n;
    return startVring(this.channel, { ...start, enable });
  }

  /** Nothing of the ring is in flight when it resolves. */
  stopVring(setup: QueueSetup): Promise<QueuePosition> {
    return stopVring(this.channel, setup);
  }

  /** An in-band kick. Failures close the connection, which is told anyway. */
  kick(index: number): void {
    if (!this.closed) void this.#tellKick(index).catch(() => {});
  }

  /** Begins to log writes of running vrings, with their addresses told anew; `log` null ends it. */
  async logWrites(driverFeatures: bigint, setups: readonly QueueSetup[], log: DirtyLog | null): Promise<void> {
    if (!this.has(ProtocolFeature.logShmfd) || (this.offered & VhostFeature.logAll) === 0n)
      throw new BackendUnsuitableError('it cannot log what it writes (LOG_SHMFD, VHOST_F_LOG_ALL)');
    await log?.give(this.channel);
    await this.setFeatures(driverFeatures, log !== null);
    for (const setup of setups)
      await this.channel.tell(FrontendRequest.setVringAddr, encodeVringAddress(addressesOf(setup, log !== null)));
  }

  /** Device status as the driver sees it; without effect on a backend without STATUS. */
  async setStatus(status: number): Promise<void> {
    if (this.has(ProtocolFeature.status)) await this.channel.tell(FrontendRequest.setStatus, encodeU64(status));
  }

  /** null without STATUS. */
  async getStatus(): Promise<number | null> {
    if (!this.has(ProtocolFeature.status)) return null;
    const status = await getU64(this.channel, FrontendRequest.getStatus);
    if (status <= 0xffn) return Number(status);
    const error = new VhostUserProtocolError(`a device status of ${status}`);
    this.channel.fail(error);
    throw error;
  }

  /** A device reset, after its vrings have stopped: by message, by status, or by the stop alone. */
  async reset(): Promise<void> {
    if (this.has(ProtocolFeature.resetDevice)) await this.channel.tell(FrontendRequest.resetDevice, new Uint8Array(0));
    else await this.setStatus(0);
  }

  /** NET_SET_MTU, where the backend has it. */
  async setMtu(mtu: number): Promise<void> {
    if (this.has(ProtocolFeature.netMtu)) await this.channel.tell(FrontendRequest.netSetMtu, encodeU64(mtu));
  }

  /** Ends the connection because of what the backend did. */
  fail(error: Error): void {
    this.channel.fail(error);
  }

  /** Idempotent. */
  close(): void {
    this.channel.close();
    this.#backend?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #tellKick(index: number): Promise<void> {
    return this.channel.tell(FrontendRequest.vringKick, encodeVringState({ index, value: 0 }));
  }

  async #negotiate(): Promise<void> {
    const { offered, protocol } = await negotiate(this.channel, this.#options);
    this.offered = offered;
    this.protocol = protocol;
    this.queues = await this.#countQueues();
    if (this.has(ProtocolFeature.backendReq)) await this.#openBackendChannel();
  }

  async #countQueues(): Promise<number> {
    if (!this.has(ProtocolFeature.mq)) return this.#options.queues;
    const queues = await getU64(this.channel, FrontendRequest.getQueueNum);
    if (queues === 0n) throw new BackendUnsuitableError('it has no queues');
    return Number(queues > BigInt(MAX_QUEUES) ? MAX_QUEUES : queues);
  }

  async #openBackendChannel(): Promise<void> {
    const [ours, theirs] = socketpair('stream');
    this.#backend = new BackendChannel(ours, {
      requests: this.#backendRequests(),
      queues: this.queues,
      inband: this.has(ProtocolFeature.inbandNotifications),
      acknowledges: this.has(ProtocolFeature.replyAck),
    });
    try {
      await this.channel.tell(FrontendRequest.setBackendReqFd, new Uint8Array(0), [theirs]);
    } finally {
      theirs.close();
    }
  }

  #backendRequests() {
    const { events, memory } = this.#options;
    const translator = this.#options.translator ?? identity(memory);
    const heard = (tell: () => void): boolean => {
      tell();
      return true;
    };
    return {
      configChanged: () => heard(() => events.configChanged()),
      call: (queue: number) => heard(() => events.call(queue)),
      failed: (queue: number) => heard(() => events.failed(queue)),
      iotlb: (message: Parameters<typeof answerMiss>[2]) => answerMiss(this.channel, translator, message),
      closed: (error: Error | null) => {
        if (error !== null) this.fail(error);
      },
    };
  }
}
