/** The virtqueues of a device behind its transport: when their registers may change, when they run, who gets their kicks. */
import type { DeviceControl, QueueStart } from '../control/index.js';
import type { Doorbell, HostNotifiers } from '../host-notifier/index.js';
import type { InterruptController } from '../interrupt/index.js';
import type { QueuePosition } from '../queue/index.js';
import { Feature, MSI_NO_VECTOR } from '../spec/index.js';
import type { SavedFields } from '../state/index.js';
import type { Features } from './features.js';
import { QueueRegisters, type SavedQueueRegisters } from './queue-registers.js';
import type { Refusals } from './refusals.js';

/**
 * - `closed`: the driver has not come to the queues, or a reset is under way.
 * - `setup`: from FEATURES_OK (of a legacy driver, from DRIVER) to DRIVER_OK.
 * - `live`: from DRIVER_OK on, when only a queue that does not run can be set up, and only with VIRTIO_F_RING_RESET.
 */
export type QueueStage = 'closed' | 'setup' | 'live';

export interface SavedQueue extends SavedQueueRegisters {
  /** Used index, in a packed ring with the wrap counter in bit 15; null for a queue that did not run. */
  readonly position: number | null;
}

const POSITION_MAX = 0xffff;

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
  /** Of queues that run, but for being suspended: where they go on. Null while the set is not suspended. */
  #suspended: Map<number, QueuePosition | null> | null = null;

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

  /** Stops the queues that run, for a driver that does not see it. Idempotent. */
  suspend(): void {
    if (this.#suspended !== null) return;
    const running = this.all.filter(({ index }) => this.#running(index));
    this.#suspended = new Map(running.map(({ index }) => [index, null]));
    for (const { index } of running) {
      this.#parts.notifiers?.stop(index);
      this.#parts.control.stopQueue(index);
    }
  }

  /** Of queues that are suspended or being reset nothing is in flight any more. */
  get quiet(): boolean {
    const { state } = this.#parts.control;
    for (const queue of this.all) this.settle(queue);
    return this.all.every(({ index, resetting }) => !resetting && !state.queueRunning(index));
  }

  /** While suspended and quiet. */
  save(): SavedQueue[] {
    return this.all.map((queue) => {
      const suspended = this.#suspended?.has(queue.index) === true;
      return { ...queue.save(), position: suspended ? this.#positionOf(queue.index) : null };
    });
  }

  /** Suspended from here on. `saved` has one for each queue. @throws SavedStateError */
  restore(stage: QueueStage, saved: readonly SavedFields[]): void {
    this.stage = stage;
    this.#suspended = new Map();
    for (const [index, queue] of this.all.entries()) {
      queue.restore(saved[index]!);
      const position = saved[index]!.any('position');
      if (position === null) continue;
      const at = saved[index]!.integer('position', POSITION_MAX);
      if (stage !== 'live' || !queue.enabled)
        throw saved[index]!.error('position', 'is one of a queue that did not run');
      this.#suspended.set(index, { available: at, used: at });
    }
  }

  /** Starts the queues where they stopped: of a device that is active, or else of one that was restored. Idempotent. */
  resume(): void {
    const suspended = this.#suspended;
    this.#suspended = null;
    if (suspended === null || this.stage !== 'live') return;
    const { control, features, interrupts } = this.#parts;
    const queues = [...suspended.keys()].map((index) => this.all[index]!);
    const starts = queues.map((queue) =>
      this.#startOf(queue, suspended.get(queue.index) ?? this.#positionAt(queue.index)),
    );
    if (control.state.active) for (const start of starts) control.startQueue(start);
    else control.activate(features.accepted, starts, interrupts.source);
    for (const queue of queues) {
      this.#listen(queue);
      interrupts.source.callQueue(queue.index);
    }
  }

  #positionOf(index: number): number {
    return this.#suspended?.get(index)?.used ?? this.#positionAt(index).used;
  }

  /** A device that has dropped chains takes them again. */
  #positionAt(index: number): QueuePosition {
    const { used } = this.#parts.control.state.position(index);
    return { available: used, used };
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

  #startOf(queue: QueueRegisters, position?: QueuePosition): QueueStart {
    const { features, notifiers } = this.#parts;
    return { setup: queue.freeze(features.accepted, position), kickFd: notifiers?.kickFds[queue.index] ?? null };
  }

  #listen(queue: QueueRegisters): void {
    const { doorbellOf, notifiers } = this.#parts;
    notifiers?.start(queue.index, doorbellOf(queue.index));
  }
}
