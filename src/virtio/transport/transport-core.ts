/** What all register interfaces of a device share: the device status, and what its changes do. */
import type { DeviceControl } from '../control/index.js';
import type { Doorbell, HostNotifiers } from '../host-notifier/index.js';
import type { InterruptController } from '../interrupt/index.js';
import { DeviceStatus, Feature } from '../spec/index.js';
import { SavedFields } from '../state/index.js';
import { ConfigAccess } from './config-access.js';
import { DRIVER_BITS, type DriverInterface, nextStatus } from './device-status.js';
import { Features } from './features.js';
import { QueueSet, type QueueStage, type SavedQueue } from './queue-set.js';
import { noRefusals, type Refusals } from './refusals.js';

/** What this transport adds to the features of the device and its queues. */
const TRANSPORT_FEATURES = Feature.version1 | Feature.notifConfigData;

export interface TransportOptions {
  readonly control: DeviceControl;
  readonly interrupts: InterruptController;
  readonly notifiers: HostNotifiers | null;
  /** Where kicks of a queue arrive now: what `QueueSet` asks while no notification carries data. */
  readonly doorbellOf: (queue: number, driverInterface: DriverInterface) => Doorbell | null;
  /** Features not to be offered, although device and transport could. */
  readonly withheld: bigint;
}

/** What the driver has made of the device so far. */
export interface SavedTransport {
  /** Without NEEDS_RESET. */
  readonly status: number;
  readonly needsReset: boolean;
  readonly driverInterface: DriverInterface | null;
  readonly driverFeatures: readonly number[];
  readonly queues: readonly SavedQueue[];
}

export class TransportCore {
  readonly features: Features;
  readonly queues: QueueSet;
  readonly config: ConfigAccess;
  readonly interrupts: InterruptController;
  readonly refusals: Refusals = noRefusals();
  readonly #control: DeviceControl;
  #status = 0;
  #resetting = false;
  #interface: DriverInterface | null = null;

  constructor(options: TransportOptions) {
    const { control, interrupts, withheld } = options;
    const notifiers = control.watchesKicks ? options.notifiers : null;
    this.#control = control;
    this.interrupts = interrupts;
    this.features = new Features((control.description.features | TRANSPORT_FEATURES) & ~withheld);
    this.config = new ConfigAccess(control, this.refusals);
    const doorbellOf = (queue: number): Doorbell | null => this.#doorbellOf(options, queue);
    const { features, refusals } = this;
    this.queues = new QueueSet({ control, features, interrupts, notifiers, doorbellOf, refusals });
  }

  /** One driver, one interface: from its first status write to the next reset, the other one takes nothing. */
  speaks(driverInterface: DriverInterface): boolean {
    return this.#interface === null || this.#interface === driverInterface;
  }

  /** Device status as it reads: not zero before a reset is done (2.4.1). */
  get status(): number {
    this.#settle();
    return this.#status | (this.#control.state.needsReset ? DeviceStatus.needsReset : 0);
  }

  /** A driver's write to device status through one of the interfaces. */
  writeStatus(written: number, driverInterface: DriverInterface): void {
    this.#settle();
    if (written === 0) this.#reset(driverInterface);
    else if (this.#resetting || !this.speaks(driverInterface)) this.refusals.status += 1;
    else this.#advance(written, driverInterface);
  }

  /** A driver's write to 32 of its feature bits, before FEATURES_OK (of a legacy driver, before DRIVER_OK). */
  writeFeatures(window: number, bits: number, driverInterface: DriverInterface): void {
    const frozen = (this.#status & (DeviceStatus.featuresOk | DeviceStatus.driverOk)) !== 0 || this.#resetting;
    if (frozen || !this.speaks(driverInterface) || !this.features.writeDriverWindow(window, bits))
      this.refusals.features += 1;
  }

  suspend(): void {
    this.#settle();
    if (!this.#resetting) this.queues.suspend();
  }

  /** No reset is under way, and nothing is in flight. */
  get quiet(): boolean {
    this.#settle();
    return !this.#resetting && this.queues.quiet;
  }

  resume(): void {
    this.queues.resume();
  }

  save(): SavedTransport {
    return {
      status: this.#status,
      needsReset: this.#control.state.needsReset,
      driverInterface: this.#interface,
      driverFeatures: this.features.save(),
      queues: this.queues.save(),
    };
  }

  /** Of a device that no driver has seen yet. @throws SavedStateError */
  restore(state: unknown): void {
    const saved = new SavedFields(state, 'a virtio transport');
    const status = saved.integer('status', DRIVER_BITS);
    const driverInterface = interfaceOf(saved);
    if (driverInterface === null && status !== 0) throw saved.error('driverInterface', 'is missing');
    this.features.restore(saved);
    this.#interface = driverInterface;
    this.#acceptAs(status, saved);
    this.#status = status;
    this.queues.restore(stageOf(status, driverInterface), saved.records('queues', this.queues.all.length));
    if (saved.boolean('needsReset')) this.#control.state.setNeedsReset();
  }

  #acceptAs(status: number, saved: SavedFields): void {
    if ((status & DeviceStatus.featuresOk) !== 0) {
      if (!this.features.acceptable) throw saved.error('driverFeatures', 'are not those that the device offers');
      this.features.accept();
    }
    if ((status & DeviceStatus.driverOk) !== 0 && this.#interface === 'legacy') this.features.acceptLegacy();
  }

  #advance(written: number, driverInterface: DriverInterface): void {
    this.#interface = driverInterface;
    const before = this.#status;
    this.#status = nextStatus(before, written, driverInterface, () => this.#featuresAcceptable());
    const added = this.#status & ~before;
    if ((written & ~this.#status & DRIVER_BITS) !== 0 || (before & ~written & DRIVER_BITS) !== 0) {
      this.refusals.status += 1;
    }
    if ((added & DeviceStatus.featuresOk) !== 0) this.features.accept();
    if (this.#setsUpQueues(driverInterface)) this.queues.stage = 'setup';
    if ((added & DeviceStatus.driverOk) === 0) return;
    if (driverInterface === 'legacy') this.features.acceptLegacy();
    this.queues.activate();
  }

  #setsUpQueues(driverInterface: DriverInterface): boolean {
    const from = driverInterface === 'legacy' ? DeviceStatus.driver : DeviceStatus.featuresOk;
    return (this.#status & from) !== 0 && this.queues.stage === 'closed';
  }

  #featuresAcceptable(): boolean {
    if (this.features.acceptable) return true;
    this.refusals.features += 1;
    return false;
  }

  /** A modern driver reads the status until it is zero (2.4.2); a legacy one goes on at once, so it is made to wait. */
  #reset(driverInterface: DriverInterface): void {
    if (this.#resetting) return;
    this.queues.close();
    this.#resetting = true;
    if (this.#control.state.active) this.#control.reset();
    if (driverInterface === 'legacy') this.#control.finishReset?.();
    this.#settle();
  }

  /** Ends a reset that has come to its end meanwhile: registers are back at their first values. */
  #settle(): void {
    if (!this.#resetting || this.#control.state.active) return;
    this.#resetting = false;
    this.#status = 0;
    this.#interface = null;
    this.features.reset();
    this.queues.reset();
    this.interrupts.resetDevice();
  }

  /** An eventfd carries no value: with notification data, kicks stay register accesses. */
  #doorbellOf({ doorbellOf }: TransportOptions, queue: number): Doorbell | null {
    if (this.features.notificationData) return null;
    return doorbellOf(queue, this.#interface ?? 'modern');
  }
}

function interfaceOf(saved: SavedFields): DriverInterface | null {
  const value = saved.any('driverInterface');
  if (value === null || value === 'modern' || value === 'legacy') return value;
  throw saved.error('driverInterface', 'is none');
}

/** As `advance` sets it. */
function stageOf(status: number, driverInterface: DriverInterface | null): QueueStage {
  if ((status & DeviceStatus.driverOk) !== 0) return 'live';
  const from = driverInterface === 'legacy' ? DeviceStatus.driver : DeviceStatus.featuresOk;
  return (status & from) !== 0 ? 'setup' : 'closed';
}
