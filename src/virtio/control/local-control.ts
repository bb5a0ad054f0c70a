/** A device on the thread of its transport, or of a Worker that serves it for a transport elsewhere. */
import type { GuestMemory } from '../../memory/index.js';
import type { VirtioDevice } from '../device.js';
import type { InterruptSource } from '../interrupt/index.js';
import { RING_FEATURES } from '../queue/index.js';
import {
  andThen,
  DeviceRunner,
  guarded,
  isPromise,
  type MaybePromise,
  type QueueFigures,
  type RunnerQueue,
} from '../runner/index.js';
import { ControlState } from './control-state.js';
import { DeferredWork } from './deferred-work.js';
import type { DeviceControl, DeviceDescription, QueueStart } from './device-control.js';
import type { DeviceLog } from './log.js';
import { SharedConfig } from './shared-config.js';

export interface LocalControlOptions {
  readonly device: VirtioDevice;
  readonly memory: GuestMemory;
  /** Features of the queues to offer. Default: all that the engine has. */
  readonly ringFeatures?: bigint;
  /**
   * The thread does not return to its event loop while the guest runs (a vCPU, a region server): kicks must be calls, and the
   * device must do its work in them. Default false.
   */
  readonly blocking?: boolean;
  /** What the device and its queues have to say. Default: nowhere. */
  readonly log?: DeviceLog;
  /** Where the queues count what they do. Default: nowhere. */
  readonly figures?: QueueFigures;
  /** Memory that a transport on another thread reads. Default: own. */
  readonly state?: ControlState;
  readonly config?: SharedConfig;
}

export class LocalControl implements DeviceControl {
  readonly description: DeviceDescription;
  readonly config: SharedConfig;
  readonly state: ControlState;
  readonly watchesKicks: boolean;
  readonly sharesInterrupts = false;
  readonly #device: VirtioDevice;
  readonly #runner: DeviceRunner;
  readonly #deferred: DeferredWork | null;
  readonly #log: DeviceLog;
  readonly #underWay = new Set<Promise<unknown>>();
  #interrupts: InterruptSource | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: LocalControlOptions) {
    const { device, memory, blocking = false, log = () => {} } = options;
    this.#device = device;
    this.#log = log;
    this.#deferred = blocking ? new DeferredWork() : null;
    this.description = describeDevice(device, options.ringFeatures);
    this.config = options.config ?? SharedConfig.create(device.config.bytes);
    this.state = options.state ?? ControlState.create(device.queueSizes.length);
    this.watchesKicks = !blocking;
    const events = { needsReset: () => this.#needsReset(), configChanged: () => this.#configChanged(), log };
    const deferred = this.#deferred;
    const later = deferred === null ? {} : { later: (work: () => void) => deferred.add(work) };
    const figures = options.figures === undefined ? {} : { figures: options.figures };
    this.#runner = new DeviceRunner({ device, memory, events, ...later, ...figures });
  }

  activate(driverFeatures: bigint, queues: readonly QueueStart[], interrupts: InterruptSource): void {
    this.#interrupts = interrupts;
    this.state.activate();
    for (const { setup } of queues) this.state.startQueue(setup.index);
    this.#runner.start(
      driverFeatures,
      queues.map((queue) => toRunnerQueue(queue, interrupts)),
    );
    this.#deferred?.run();
  }

  startQueue(queue: QueueStart): void {
    if (this.#interrupts === null) return;
    this.state.startQueue(queue.setup.index);
    this.#runner.startQueue(toRunnerQueue(queue, this.#interrupts));
    this.#deferred?.run();
  }

  /** Other guest memory, for the queues that start from now on; while none runs. */
  replaceMemory(memory: GuestMemory): void {
    this.#runner.replaceMemory(memory);
  }

  saveDevice(): unknown {
    return this.#device.save?.();
  }

  restoreDevice(state: unknown): void {
    if (this.#device.restore !== undefined) this.#device.restore(state);
    this.#publishIfChanged();
  }

  /** The driver may go on elsewhere, while the queues are stopped: the device gives up what only one can have. */
  relinquishDevice(): void {
    guarded(
      () => this.#device.relinquish?.(),
      (error) => this.fail(`relinquish: ${String(error)}`),
    );
  }

  stopQueue(index: number): void {
    this.#track(andThen(this.#runner.stopQueue(index), (position) => this.state.endQueue(index, position)));
  }

  kick(index: number): void {
    this.#runner.kick(index);
    this.#deferred?.run();
  }

  writeConfig(offset: number, size: number, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    guarded(
      () => this.#device.config.write?.(offset, bytes.subarray(0, size)),
      (error) => this.fail(`config.write: ${String(error)}`),
    );
    this.#publishIfChanged();
    this.#deferred?.run();
  }

  reset(): void {
    this.state.beginReset();
    const done = () => {
      this.#interrupts = null;
      this.#publishIfChanged();
      for (const index of this.description.queueSizes.keys()) this.state.endQueue(index, null);
      this.state.endReset();
    };
    this.#track(andThen(this.#runner.reset(), done));
  }

  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  /** A failure beyond all calls of the device: an exception on its thread that nobody has caught. */
  fail(reason: string): void {
    this.#log(reason);
    this.#needsReset();
  }

  async #end(): Promise<void> {
    this.reset();
    await this.settled();
    await this.#runner.close();
    this.state.end();
  }

  #track(operation: MaybePromise<void>): void {
    if (!isPromise(operation)) return;
    const tracked: Promise<unknown> = operation.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  /** Told to a driver that can hear it: before DRIVER_OK nobody waits for it. */
  #needsReset(): void {
    if (this.state.setNeedsReset()) this.#interrupts?.callConfig();
  }

  #configChanged(): void {
    this.config.publish(this.#device.config.bytes);
    this.#interrupts?.callConfig();
  }

  /** Changes that the driver has caused itself need no notification. */
  #publishIfChanged(): void {
    const { bytes } = this.#device.config;
    if (this.config.differs(bytes)) this.config.publish(bytes);
  }
}

/** What a device offers, with the features of its queues. */
export function describeDevice(device: VirtioDevice, ringFeatures = RING_FEATURES): DeviceDescription {
  const { deviceType, features, queueSizes } = device;
  return { deviceType, features: features | ringFeatures, queueSizes };
}

function toRunnerQueue(queue: QueueStart, interrupts: InterruptSource): RunnerQueue {
  return { ...queue, call: () => interrupts.callQueue(queue.setup.index) };
}
