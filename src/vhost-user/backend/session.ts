/** One frontend's use of the device, from the first message to the end of the connection. */
import { EventFd, type Fd, FdWatch } from '../../native/index.js';
import type { DeviceLog, LocalControl } from '../../virtio/control/index.js';
import { Feature } from '../../virtio/spec/index.js';
import { Connection, type ReceivedMessage } from '../connection/index.js';
import { VhostUserProtocolError, VhostUserRequestError } from '../errors.js';
import { encodeU64 } from '../message/index.js';
import { frontendRequestName, ProtocolFeature, VhostFeature } from '../spec/index.js';
import { BackendChannel } from './backend-channel.js';
import type { IovaRange } from './iotlb.js';
import { MemorySlots } from './memory-slots.js';
import { offeredFeatures, offeredProtocolFeatures } from './offer.js';
import { REQUESTS, type Request, type RequestResult } from './requests/index.js';
import { interruptsTo } from './ring-interrupts.js';
import { Rings } from './rings.js';
import { StateTransfer } from './state/state-transfer.js';

export interface SessionOptions {
  /** Stays the caller's; it is reset when the session ends. */
  readonly control: LocalControl;
  readonly log: DeviceLog;
  /** In-band calls ask for an answer. Default true. */
  readonly acknowledgeCalls?: boolean;
}

export interface SessionCounters {
  /** Messages handled. */
  messages: number;
  /** Of these, those that could not be carried out. */
  refused: number;
}

const SUCCESS = encodeU64(0);
const FAILURE = encodeU64(1);
/** Bits that legacy drivers accept without having been offered them; nothing depends on them here. */
const HARMLESS = Feature.notifyOnEmpty | Feature.anyLayout;

export class Session {
  readonly control: LocalControl;
  readonly slots: MemorySlots;
  readonly rings: Rings;
  readonly offered: bigint;
  readonly offeredProtocolFeatures: bigint;
  readonly counters: SessionCounters = { messages: 0, refused: 0 };
  /** Resolves when the connection has ended and the device is as before: with what ended it. */
  readonly ended: Promise<Error | null>;
  /** Device status (2.1) as the frontend has set it. */
  status = 0;
  #protocolFeatures = 0n;
  #channel: BackendChannel | null = null;
  #transfer: StateTransfer | null = null;
  /** What is being carried out: the device is given back only afterwards. */
  #handling: Promise<void> | null = null;
  readonly #connection: Connection;
  /** Signalled when memory of the frontend has gone. */
  readonly shrunk = EventFd.create();
  readonly #shrunkWatch: FdWatch;
  readonly #log: DeviceLog;
  readonly #acknowledgeCalls: boolean;

  /** Takes over `socket`. */
  constructor(socket: Fd, { control, log, acknowledgeCalls = true }: SessionOptions) {
    this.control = control;
    this.#log = log;
    this.#acknowledgeCalls = acknowledgeCalls;
    this.offered = offeredFeatures(control.description);
    this.offeredProtocolFeatures = offeredProtocolFeatures(control.description);
    this.slots = new MemorySlots(this.shrunk);
    this.#shrunkWatch = new FdWatch(this.shrunk, () => this.#onShrunk()).unref();
    const targets = { callRing: (index: number) => this.callRing(index), callConfig: () => this.#callConfig() };
    const interrupts = interruptsTo(targets, control.description.queueSizes.length);
    const translations = {
      ask: (iova: number, writing: boolean) => this.#channel?.miss(iova, writing),
      forget: (range: IovaRange | null) => this.#channel?.forgetMisses(range),
    };
    this.rings = new Rings(control, this.slots, interrupts, translations);
    let closed: (error: Error | null) => void = () => {};
    const over = new Promise<Error | null>((resolve) => {
      closed = resolve;
    });
    this.ended = over.then((error) => this.#giveBack(error));
    this.#connection = new Connection(socket, { message: (message) => this.#onMessage(message), closed });
  }

  /** Ends the connection. Idempotent; `ended` says when it is over. */
  close(error: Error | null = null): void {
    this.#connection.close(error);
  }

  /** Whether a protocol feature has been negotiated. */
  has(feature: bigint): boolean {
    return (this.#protocolFeatures & feature) !== 0n;
  }

  /** VhostUserRequestError where something was not offered. */
  async acceptFeatures(features: bigint): Promise<void> {
    const accepted = features & ~HARMLESS;
    const surplus = accepted & ~this.offered;
    if (surplus !== 0n) throw new VhostUserRequestError(`features 0x${surplus.toString(16)} were not offered`);
    if (accepted === this.rings.features) return;
    if (changesDevice(accepted, this.rings.features)) await this.rings.resetDevice();
    else await this.rings.stop();
    this.rings.features = accepted;
    await this.rings.update();
  }

  /** VhostUserProtocolError for in-band notifications without what they need: the specification has us disconnect. */
  acceptProtocolFeatures(features: bigint): void {
    const surplus = features & ~this.offeredProtocolFeatures;
    if (surplus !== 0n) throw new VhostUserRequestError(`protocol features 0x${surplus.toString(16)} were not offered`);
    const needed = ProtocolFeature.backendReq | ProtocolFeature.replyAck;
    if ((features & ProtocolFeature.inbandNotifications) !== 0n && (features & needed) !== needed)
      throw new VhostUserProtocolError('in-band notifications need the protocol features BACKEND_REQ and REPLY_ACK');
    this.#protocolFeatures = features;
  }

  /** Changes guest memory while nothing uses it. */
  async changeMemory(change: (slots: MemorySlots) => void): Promise<void> {
    await this.rings.changeTranslations((iotlb) => {
      change(this.slots);
      iotlb.clear();
    });
  }

  /** The device as before its driver; rings have to be started and enabled again. */
  async reset(): Promise<void> {
    await this.rings.resetDevice();
    for (const ring of this.rings.all) ring.reset();
    this.status = 0;
  }

  /** Begins to write the device's state to the pipe, or to read it from there; takes the pipe over. Nothing runs. */
  async transferState(pipe: Fd, save: boolean): Promise<void> {
    this.#transfer?.close();
    const { deviceType } = this.control.description;
    try {
      if (save) this.#transfer = StateTransfer.save(pipe, deviceType, this.control.saveDevice());
      else {
        await this.rings.resetDevice();
        this.#transfer = StateTransfer.load(pipe, deviceType, (state) => this.control.restoreDevice(state));
      }
    } catch (error) {
      pipe.close();
      throw error;
    }
  }

  /** Resolves when the transfer has ended: whether all is well. */
  async stateTransferred(): Promise<boolean> {
    try {
      await this.#transfer?.done;
      return this.#transfer !== null;
    } catch (error) {
      this.#log(`device state: ${(error as Error).message}`);
      return false;
    }
  }

  /** Takes over `socket`. */
  openChannel(socket: Fd): void {
    this.#channel?.close();
    const options = { replyAck: this.has(ProtocolFeature.replyAck), acknowledgeCalls: this.#acknowledgeCalls };
    const channel = new BackendChannel(socket, options, {
      closed: (error) => this.#onChannelClosed(channel, error),
    });
    this.#channel = channel;
  }

  /** A used buffer notification: by eventfd where there is one, else in-band. */
  callRing(index: number): void {
    const { call } = this.rings.at(index);
    if (call !== null) call.signal();
    else if (this.has(ProtocolFeature.inbandNotifications)) this.#channel?.callRing(index);
  }

  #callConfig(): void {
    if (this.control.state.needsReset) this.#reportFailure();
    if (this.has(ProtocolFeature.config)) this.#channel?.configChanged();
  }

  #reportFailure(): void {
    for (const { index, err, started } of this.rings.all) {
      if (!started) continue;
      if (err !== null) err.signal();
      else if (this.has(ProtocolFeature.inbandNotifications)) this.#channel?.errRing(index);
    }
  }

  /** The channel belongs to the connection: neither goes on without the other. */
  #onChannelClosed(channel: BackendChannel, error: Error | null): void {
    if (this.#channel !== channel) return;
    this.#channel = null;
    if (error !== null) this.close(error);
  }

  #onShrunk(): void {
    this.shrunk.testAndClear();
    this.close(new VhostUserProtocolError('a file of guest memory has been made shorter'));
  }

  #onMessage(message: ReceivedMessage): void | Promise<void> {
    this.counters.messages += 1;
    const handled = this.#handle(message);
    this.#handling = handled;
    return handled;
  }

  async #handle(message: ReceivedMessage): Promise<void> {
    const request = this.#lookUp(message);
    try {
      if (request === null) throw new VhostUserRequestError('it is not supported, or not negotiated');
      const result = await request.handle(this, message);
      this.#answer(message, result);
    } catch (error) {
      this.#refuse(message, request, error as Error);
    }
  }

  /** null for what is not supported. VhostUserProtocolError for what cannot be a request at all. */
  #lookUp(message: ReceivedMessage): Request | null {
    if (message.isReply) throw new VhostUserProtocolError('a reply where nothing was asked');
    const request = REQUESTS.get(message.request);
    if (request === undefined) return null;
    if (message.fdCount > (request.maxFds ?? 0))
      throw new VhostUserProtocolError(`${frontendRequestName(message.request)} with ${message.fdCount} descriptor(s)`);
    return request.needs === undefined || this.has(request.needs) ? request : null;
  }

  #answer(message: ReceivedMessage, result: RequestResult): void {
    if (result) {
      this.#connection.reply(message, result.payload, result.fds);
      for (const fd of result.fds ?? []) fd.close();
    } else if (this.#wantsAnswer(message)) this.#connection.reply(message, SUCCESS);
  }

  #wantsAnswer(message: ReceivedMessage): boolean {
    return message.needsReply && this.has(ProtocolFeature.replyAck);
  }

  /** Says no where somebody listens; else the connection ends, as the frontend believes that it has been done. */
  #refuse(message: ReceivedMessage, request: Request | null, error: Error): void {
    this.counters.refused += 1;
    this.#log(`${frontendRequestName(message.request)}: ${error.message}`);
    if (error instanceof VhostUserProtocolError) throw error;
    if (request?.failed !== undefined) this.#connection.reply(message, request.failed.payload);
    else if (this.#wantsAnswer(message)) this.#connection.reply(message, FAILURE);
    else throw error;
  }

  async #giveBack(error: Error | null): Promise<Error | null> {
    this.#transfer?.close();
    await this.#handling?.catch(() => {});
    await this.reset();
    this.#channel?.close();
    await this.rings.setInflight(null);
    await this.rings.setLog(null);
    await this.rings.changeTranslations((iotlb) => iotlb.clear());
    this.rings.close();
    this.slots.close();
    this.#shrunkWatch.close();
    this.shrunk.close();
    return error;
  }
}

/** Whether a device has to learn of it by a reset; logging is none of its business. */
function changesDevice(features: bigint, before: bigint): boolean {
  return ((features ^ before) & ~(VhostFeature.logAll | VhostFeature.protocolFeatures)) !== 0n;
}
