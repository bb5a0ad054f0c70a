/** A device served by a vhost-user backend, as our transports drive it. */
import { SystemError } from '../../native/index.js';
import {
  ControlState,
  type DeviceDescription,
  DeviceStatus,
  DeviceType,
  type InterruptSource,
  type QueueStart,
  type ServedControl,
  type SharedConfig,
} from '../../virtio/index.js';
import { BackendLink, type LinkOptions } from './backend-link.js';
import { ConfigMirror } from './config-mirror.js';
import {
  DEFAULT_QUEUE_SIZE,
  DEFAULT_REPLY_MS,
  DEFAULT_RETRY_MS,
  type VhostUserControlOptions,
} from './control-options.js';
import { type BackendFacts, describeBackend } from './describe-backend.js';
import { profileOf } from './device-profile.js';
import { DrivenDevice } from './driven-device.js';
import { BackendGoneError, BackendUnsuitableError } from './errors.js';
import type { FrontendSession } from './frontend-session.js';
import { invalidateIotlb } from './iotlb.js';
import { Migration } from './migration.js';
import { RunningVring } from './running-vring.js';
import { WorkQueue } from './work-queue.js';

/**
 * For threads with an event loop. Operations are carried out one after another; what fails shows as `needsReset`. A backend
 * that ends between messages is waited for, and its successor goes on where it was. With a backend that misbehaves the
 * device needs a reset, after which it is tried again.
 */
export class VhostUserControl implements ServedControl {
  readonly description: DeviceDescription;
  readonly state: ControlState;
  readonly watchesKicks = true;
  readonly sharesInterrupts = false;
  readonly migration: Migration;
  readonly #options: VhostUserControlOptions;
  readonly #link: BackendLink;
  readonly #device: DrivenDevice;
  readonly #config: ConfigMirror;
  readonly #work = new WorkQueue((error) => this.#failed(error));
  /** What the backend knows of features: the others are the transport's or the VMM's. */
  readonly #backendFeatures: bigint;
  #interrupts: InterruptSource | null = null;
  #active = false;
  #broken = false;
  #configChanging = false;
  #closing: Promise<void> | null = null;

  private constructor(options: VhostUserControlOptions, link: BackendLink, facts: BackendFacts, offered: bigint) {
    const { deviceType, memory, queueSize = DEFAULT_QUEUE_SIZE } = options;
    const { description, config } = facts;
    const queues = description.queueSizes.length;
    const profile = profileOf(deviceType);
    this.#options = options;
    this.#link = link;
    this.#backendFeatures = offered;
    this.description = description;
    const adjust = (bytes: Uint8Array) => profile.adjust?.(bytes, queues);
    this.#config = new ConfigMirror({ bytes: config, own: options.config !== undefined, adjust });
    this.state = ControlState.create(queues);
    const { lossy = profile.lossy, mtu = null } = options;
    this.#device = new DrivenDevice({ memory, lossy, queues, queueSize, mtu });
    this.migration = new Migration(memory, this.#device, (work) => this.#onSession(work));
  }

  /**
   * Resolves when the backend has said what it offers.
   * @throws SocketUnreachableError, BackendUnsuitableError, BackendRefusedError, BackendTimeoutError, BackendGoneError,
   * VhostUserProtocolError
   */
  static async connect(options: VhostUserControlOptions): Promise<VhostUserControl> {
    let control: VhostUserControl | null = null;
    const link = new BackendLink(VhostUserControl.#linkOptions(options, () => control));
    try {
      const session = await link.connect();
      const facts = await describeBackend(session, options);
      control = new VhostUserControl(options, link, facts, session.offered);
      return control;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  get config(): SharedConfig {
    return this.#config.shared;
  }

  /** Whether there is a backend now. */
  get connected(): boolean {
    return this.#link.session !== null;
  }

  /** Protocol features in use; 0 without a backend. */
  get protocolFeatures(): bigint {
    return this.#link.session?.protocol ?? 0n;
  }

  activate(driverFeatures: bigint, queues: readonly QueueStart[], interrupts: InterruptSource): void {
    this.#interrupts = interrupts;
    this.state.activate();
    for (const { setup } of queues) this.state.startQueue(setup.index);
    void this.#work.add(async () => {
      this.#active = true;
      this.#device.driverFeatures = driverFeatures & this.#backendFeatures;
      for (const queue of queues) this.#addVring(queue);
      await this.#startOn(this.#link.session);
    });
  }

  startQueue(queue: QueueStart): void {
    this.state.startQueue(queue.setup.index);
    void this.#work.add(async () => {
      const vring = this.#addVring(queue);
      const { session } = this.#link;
      if (session !== null && !this.#broken) await this.#device.restartVring(session, vring);
    });
  }

  stopQueue(index: number): void {
    void this.#work.add(() => this.#stopVring(index));
  }

  kick(index: number): void {
    this.#device.vrings.get(index)?.kick();
  }

  /** Resolves when the driver may read what became of it. */
  writeConfig(offset: number, size: number, value: number): Promise<void> {
    const bytes = this.#config.store(offset, size, value);
    return this.#work.add(async () => {
      const { session } = this.#link;
      if (session !== null) await this.#config.write(session, offset, bytes);
    });
  }

  reset(): void {
    this.state.beginReset();
    void this.#work.add(() => this.#reset());
  }

  /**
   * A disk has none beyond its image.
   * @throws BackendUnsuitableError for other devices: their backends keep state of their own
   */
  saveDevice(): null {
    const { deviceType } = this.description;
    if (deviceType === DeviceType.block) return null;
    throw new BackendUnsuitableError(`the state of a device of type ${deviceType} is its own: it cannot be saved`);
  }

  /** @throws BackendUnsuitableError */
  restoreDevice(state: unknown): void {
    if (state !== this.saveDevice()) throw new BackendUnsuitableError('the saved state is not one of a disk');
  }

  settled(): Promise<void> {
    return this.#work.idle();
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  fail(reason: string): void {
    this.#options.log?.(reason);
    this.#broken = true;
    if (this.state.setNeedsReset()) this.#interrupts?.callConfig();
  }

  /** Takes translations of I/O virtual addresses back: nothing uses them any more when it resolves. Rejects as a session does. */
  invalidate(iova: bigint, size: bigint): Promise<void> {
    return this.#onSession((session) => invalidateIotlb(session.channel, iova, size));
  }

  #addVring(queue: QueueStart): RunningVring {
    const { index } = queue.setup;
    const vring: RunningVring = new RunningVring(queue, this.#options.inband ?? false, {
      call: () => this.#interrupts?.callQueue(index),
      failed: () => this.#onFailed(index),
      kicked: () => {
        if (vring.started) this.#link.session?.kick(index);
      },
    });
    this.#device.add(vring);
    return vring;
  }

  /** Without a backend, its successor is started when it is there. */
  async #startOn(session: FrontendSession | null): Promise<void> {
    if (session === null || !this.#active || this.#broken) return;
    await this.#device.start(session);
    this.#link.settle();
  }

  async #stopVring(index: number): Promise<void> {
    const vring = this.#device.vrings.get(index);
    if (vring === undefined) return;
    try {
      this.state.endQueue(index, await this.#device.stopVring(this.#link.session, vring));
    } catch (error) {
      this.state.endQueue(index, vring.position);
      throw error;
    } finally {
      this.#device.forget(vring);
    }
  }

  /** Comes to its end whatever the backend does: what goes wrong is logged only, as nothing of it is left. */
  async #reset(): Promise<void> {
    const log = (error: Error) => this.#options.log?.(error.message);
    for (const index of [...this.#device.vrings.keys()]) await this.#stopVring(index).catch(log);
    await this.#link.session?.reset().catch(log);
    this.#device.clear();
    this.#active = false;
    this.#broken = false;
    this.#interrupts = null;
    for (const index of this.description.queueSizes.keys()) this.state.endQueue(index, null);
    this.state.endReset();
  }

  async #end(): Promise<void> {
    this.reset();
    await this.settled();
    this.#link.close();
    this.#device.closeLog();
    this.state.end();
  }

  /** An operation that did not succeed. What ended with its connection is done again on the next one. */
  #failed(error: Error): void {
    if (!isLoss(error)) this.fail(error.message);
  }

  /** For callers that want to know. */
  #onSession<Result>(work: (session: FrontendSession) => Promise<Result>): Promise<Result> {
    return this.#work.run(async () => {
      const { session } = this.#link;
      if (session === null) throw new BackendGoneError('before that');
      return await work(session);
    });
  }

  /** The backend may say so as often as it likes: one reading answers all that came before it. */
  #onConfigChanged(): void {
    if (this.#configChanging) return;
    this.#configChanging = true;
    void this.#work.add(async () => {
      this.#configChanging = false;
      const { session } = this.#link;
      if (session !== null) await this.#hearChange(session);
    });
  }

  /** Of the configuration, or of the device status: there is one message for both. */
  async #hearChange(session: FrontendSession): Promise<void> {
    await this.#config.refresh(session);
    const status = await session.getStatus();
    if (status !== null && (status & DeviceStatus.needsReset) !== 0)
      this.fail('the backend says that it needs a reset');
    else this.#interrupts?.callConfig();
  }

  #onFailed(queue: number): void {
    this.fail(`the backend says that it cannot go on with queue ${queue}`);
  }

  /** A backend in place of one that ended. */
  #onUp(session: FrontendSession): void {
    this.#options.log?.('the backend is there again');
    void this.#work.add(async () => {
      if (await this.#config.refresh(session)) this.#interrupts?.callConfig();
      await this.#startOn(session);
    });
  }

  #onDown(error: Error | null): void {
    if (error !== null && !isLoss(error)) this.fail(error.message);
    else this.#options.log?.('the backend has ended');
    try {
      this.#device.loseBackend();
    } catch (unsuitable) {
      this.fail((unsuitable as Error).message);
    }
  }

  static #linkOptions(options: VhostUserControlOptions, control: () => VhostUserControl | null): LinkOptions {
    const { path, memory, inband = false, withheldProtocolFeatures: withheld = 0n, translator = null } = options;
    const { replyMs = DEFAULT_REPLY_MS, retryMs = DEFAULT_RETRY_MS } = options;
    const queues = options.queues ?? profileOf(options.deviceType).queues;
    const on = (tell: (made: VhostUserControl) => void): void => {
      const made = control();
      if (made !== null) tell(made);
    };
    const events = {
      configChanged: () => on((made) => made.#onConfigChanged()),
      call: (queue: number) => on((made) => made.#device.vrings.get(queue)?.call()),
      failed: (queue: number) => on((made) => made.#onFailed(queue)),
      up: (session: FrontendSession) => on((made) => made.#onUp(session)),
      down: (error: Error | null) => on((made) => made.#onDown(error)),
    };
    return { path, session: { memory, queues, replyMs, inband, withheld, translator }, retryMs, events };
  }
}

/** The backend's process has ended, as opposed to having misbehaved. */
function isLoss(error: Error): boolean {
  return error instanceof BackendGoneError || error instanceof SystemError;
}
