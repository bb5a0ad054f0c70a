/** What the driver wants of a device, carried out on one session after another. */
import type { GuestMemory } from '../../memory/index.js';
import { checkQueue, DeviceStatus, Feature, type QueuePosition } from '../../virtio/index.js';
import { FrontendRequest, ProtocolFeature } from '../spec/index.js';
import type { DirtyLog } from './dirty-log.js';
import { BackendRefusedError, BackendUnsuitableError } from './errors.js';
import type { FrontendSession } from './frontend-session.js';
import type { InflightArea } from './inflight-area.js';
import type { RunningVring } from './running-vring.js';

const { acknowledge, driver, featuresOk, driverOk, needsReset } = DeviceStatus;

/** The driver's bits, once it is ready. */
const STARTED = acknowledge | driver | featuresOk | driverOk;

export interface DrivenDeviceOptions {
  readonly memory: GuestMemory;
  /** For NET_SET_MTU; null: not sent. */
  readonly mtu: number | null;
  readonly lossy: boolean;
  readonly queues: number;
  readonly queueSize: number;
}

/** All methods that take a session reject with its errors, with BackendUnsuitableError and QueueError. */
export class DrivenDevice {
  readonly vrings = new Map<number, RunningVring>();
  /** What its writes are noted in, for a migration. */
  log: DirtyLog | null = null;
  driverFeatures = 0n;
  readonly #options: DrivenDeviceOptions;
  #inflight: InflightArea | null = null;

  constructor(options: DrivenDeviceOptions) {
    this.#options = options;
  }

  /** DRIVER_OK, or a new backend in place of one that ended: everything from the features on. */
  async start(session: FrontendSession): Promise<void> {
    this.#check(session);
    await session.shareMemory();
    if (this.#options.mtu !== null) await session.setMtu(this.#options.mtu);
    await this.log?.give(session.channel);
    await session.setFeatures(this.driverFeatures, this.log !== null);
    await session.setStatus(STARTED & ~driverOk);
    this.#keepInflight(await session.giveInflight(this.#inflight, this.#options));
    for (const vring of this.vrings.values()) await this.startVring(session, vring);
    await session.setStatus(STARTED);
    await this.#checkStatus(session);
  }

  /** Of a device that has been started. */
  async startVring(session: FrontendSession, vring: RunningVring): Promise<void> {
    // A backend waits for memory that is to come; behind an IOMMU only it can find out.
    if ((vring.setup.features & Feature.accessPlatform) === 0n) checkQueue(vring.setup, this.#options.memory);
    vring.started = true;
    await session.startVring(vring.start(this.log !== null));
    // What the driver has made available, and what an earlier backend has used, may not have been told.
    vring.kick();
    if (vring.lost) vring.call();
    vring.lost = false;
  }

  /** Of a queue that begins anew while others run. */
  async restartVring(session: FrontendSession, vring: RunningVring): Promise<void> {
    if (vring.setup.position === undefined) this.#inflight?.forget(vring.setup.index);
    await this.startVring(session, vring);
  }

  /** Where the vring has stopped. Nothing of it is in flight then, unless the session has ended. */
  async stopVring(session: FrontendSession | null, vring: RunningVring): Promise<QueuePosition> {
    if (session === null || !vring.started) return vring.position;
    const position = await session.stopVring(vring.setup);
    vring.started = false;
    vring.takeCall();
    return position;
  }

  /** Its backend has ended: finds where all vrings go on with the next one. @throws BackendUnsuitableError */
  loseBackend(): void {
    const { memory, lossy } = this.#options;
    for (const vring of this.vrings.values()) {
      if (vring.started) vring.resumeAfterLoss(memory, { inflight: this.#inflight !== null, lossy });
    }
  }

  /** Of a queue that the driver starts, in place of what it had before. */
  add(vring: RunningVring): void {
    this.vrings.get(vring.setup.index)?.close();
    this.vrings.set(vring.setup.index, vring);
  }

  /** The end of a vring: its eventfds are closed. */
  forget(vring: RunningVring): void {
    this.vrings.delete(vring.setup.index);
    vring.close();
  }

  /** Back to the state before `start`: nothing is in flight any more that a later backend would have to do again. */
  clear(): void {
    for (const vring of this.vrings.values()) this.forget(vring);
    this.#inflight?.close();
    this.#inflight = null;
    this.driverFeatures = 0n;
  }

  closeLog(): void {
    this.log?.close();
    this.log = null;
  }

  #check(session: FrontendSession): void {
    const missing = this.driverFeatures & ~session.offered;
    if (missing !== 0n)
      throw new BackendUnsuitableError(
        `it does not offer feature bits 0x${missing.toString(16)}, which the driver uses`,
      );
    const last = Math.max(-1, ...this.vrings.keys());
    if (last >= session.queues)
      throw new BackendUnsuitableError(`it has ${session.queues} queue(s), the driver uses number ${last}`);
    if (this.#inflight !== null && !session.has(ProtocolFeature.inflightShmfd))
      throw new BackendUnsuitableError('its predecessor had INFLIGHT_SHMFD, it has not');
  }

  #keepInflight(area: InflightArea | null): void {
    if (area !== this.#inflight) this.#inflight?.close();
    this.#inflight = area;
  }

  async #checkStatus(session: FrontendSession): Promise<void> {
    const status = await session.getStatus();
    if (status === null) return;
    if ((status & needsReset) !== 0 || (status & featuresOk) === 0)
      throw new BackendRefusedError(FrontendRequest.setStatus, `its status is 0x${status.toString(16)}`);
  }
}
