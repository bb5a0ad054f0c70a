/** What all register interfaces of a device share: the device status, and what its changes do. */
import type { DeviceControl } from '../control/index.js';
import type { Doorbell, HostNotifiers } from '../host-notifier/index.js';
import type { InterruptController } from '../interrupt/index.js';
import { DeviceStatus, Feature } from '../spec/index.js';
import { ConfigAccess } from './config-access.js';
import { DRIVER_BITS, type DriverInterface, nextStatus } from './device-status.js';
import { Features } from './features.js';
import { QueueSet } from './queue-set.js';
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
