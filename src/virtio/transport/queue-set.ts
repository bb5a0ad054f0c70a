/** The virtqueues of a device behind its transport: when their registers may change, when they run, who gets their kicks. */
import type { DeviceControl, QueueStart } from '../control/index.js';
import type { Doorbell, HostNotifiers } from '../host-notifier/index.js';
import type { InterruptController } from '../interrupt/index.js';
import { Feature, MSI_NO_VECTOR } from '../spec/index.js';
import type { Features } from './features.js';
import { QueueRegisters } from './queue-registers.js';
import type { Refusals } from './refusals.js';

/**
 * - `closed`: the driver has not come to the queues, or a reset is under way.
 * - `setup`: from FEATURES_OK (of a legacy driver, from DRIVER) to DRIVER_OK.
 * - `live`: from DRIVER_OK on, when only a queue that does not run can be set up, and only with VIRTIO_F_RING_RESET.
 */
export type QueueStage = 'closed' | 'setup' | 'live';

export interface QueueSetParts {
  readonly control: DeviceControl;
  readonly features: Features;
  readonly interrupts: InterruptController;
  /** null where all kicks are register accesses. */
  readonly notifiers: HostNotifiers | null;
  /** Where a queue's doorbell is now; null where no eventfd can stand for it. */
  readonly doorbellOf: (queue: number) => Doorbell | null;
  readonly refusals: Refusals;
}

export class QueueSet {
  readonly all: readonly QueueRegisters[];
  stage: QueueStage = 'closed';
  readonly #parts: QueueSetParts;

  constructor(parts: QueueSetParts) {
    this.#parts = parts;
    this.all = parts.control.description.queueSizes.map((size, index) => new QueueRegisters(index, size));
    if (parts.notifiers !== null) parts.notifiers.process = (queue) => this.#process(queue);
  }

  get(index: number): QueueRegisters | undefined {
    return this.all[index];
  }

  /** Whether the driver may change the registers of a queue now. */
  open(queue: QueueRegisters | undefined): queue is QueueRegisters {
    const { features } = this.#parts;
    const settable = this.stage === 'setup' || (this.stage === 'live' && features.has(Feature.ringReset));
    return queue !== undefined && settable && !queue.enabled && !queue.resetting;
  }

  /** The same for a legacy driver, which may take back what it has enabled before DRIVER_OK. */
  openToLegacy(queue: QueueRegisters | undefined): queue is QueueRegisters {
    return queue !== undefined && this.stage === 'setup';
  }

  /** A driver enables a queue it has set up. */
  enable(queue: QueueRegisters): void {
    queue.enabled = true;
    if (this.stage !== 'live') return;
    this.#parts.control.startQueue(this.#startOf(queue));
    this.#listen(queue);
  }

  /** DRIVER_OK: the registers of enabled queues become what the device runs. */
  activate(): void {
    const { control, features, interrupts } = this.#parts;
    const enabled = this.all.filter((queue) => queue.enabled);
    this.stage = 'live';
    control.activate(
      features.accepted,
      enabled.map((queue) => this.#startOf(queue)),
      interrupts.source,
    );
    for (const queue of enabled) this.#listen(queue);
  }

  /** A driver's queue reset (2.6.1), which goes on until nothing of the queue is in flight. False where it may not be. */
  resetQueue(queue: QueueRegisters | undefined): boolean {
    const { control, features, notifiers } = this.#parts;
    if (queue === undefined || !this.#running(queue.index) || !features.has(Feature.ringReset)) return false;
    notifiers?.stop(queue.index);
    queue.resetting = true;
    control.stopQueue(queue.index);
    this.settle(queue);
    return true;
  }

  /** Ends a queue reset that has come to its end meanwhile. */
  settle(queue: QueueRegisters): void {
    const { control, interrupts } = this.#parts;
    if (!queue.resetting || control.state.queueRunning(queue.index)) return;
    queue.reset();
    interrupts.setQueueVector(queue.index, MSI_NO_VECTOR);
  }

  /** A device reset begins: kicks that came before are processed, later ones refused. */
  close(): void {
    this.#parts.notifiers?.stopAll();
    this.stage = 'closed';
  }

  /** A device reset is done. */
  reset(): void {
    for (const queue of this.all) queue.reset();
  }

  /** A write to the doorbell of a queue. */
  kick(index: number): void {
    const { control, notifiers, refusals } = this.#parts;
    if (!this.#running(index)) refusals.kick += 1;
    else if (notifiers === null) control.kick(index);
    else notifiers.kick(index);
  }

  /** The doorbells are elsewhere now. */
  moveDoorbells(): void {
    this.#parts.notifiers?.move(this.#parts.doorbellOf);
  }

  #running(index: number): boolean {
    const queue = this.all[index];
    return this.stage === 'live' && queue !== undefined && queue.enabled && !queue.resetting;
  }

  #process(index: number): boolean {
    if (!this.#running(index)) return false;
    this.#parts.control.kick(index);
    return true;
  }

  #startOf(queue: QueueRegisters): QueueStart {
    const { features, notifiers } = this.#parts;
    return { setup: queue.freeze(features.accepted), kickFd: notifiers?.kickFds[queue.index] ?? null };
  }

  #listen(queue: QueueRegisters): void {
    const { doorbellOf, notifiers } = this.#parts;
    notifiers?.start(queue.index, doorbellOf(queue.index));
  }
}
