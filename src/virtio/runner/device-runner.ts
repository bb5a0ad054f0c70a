/** Runs the queues of one device on the calling thread. */
import type { GuestMemory } from '../../memory/index.js';
import type { EventFd } from '../../native/index.js';
import type { DeviceHost, VirtioDevice } from '../device.js';
import { createQueue } from '../queue/create-queue.js';
import { QueueError, type QueueObserver, type QueuePosition, type QueueSetup } from '../queue/index.js';
import { all, andThen, guarded, isPromise, type MaybePromise } from './maybe-promise.js';
import type { QueueFigures } from './queue-figures.js';
import { RingPolling } from './ring-polling.js';
import { RunningQueue } from './running-queue.js';

/** What a device and its queues say to whoever runs them. None may throw. */
export interface RunnerEvents {
  /** The device cannot go on before a reset; said once per start. */
  needsReset(reason: string): void;
  /** The device has changed its configuration. */
  configChanged(): void;
  log(message: string): void;
}

export interface RunnerQueue {
  readonly setup: QueueSetup;
  /** Watched on the event loop, and cleared before each kick; null where all kicks are calls. */
  readonly kickFd: EventFd | null;
  /** Raises the interrupt of the queue. */
  readonly call: () => void;
  /** Watches what the queue does. */
  readonly observer?: QueueObserver;
  /** See QueueHooks. */
  readonly missing?: (address: number, writing: boolean) => boolean;
}

export interface RunnerOptions {
  readonly device: VirtioDevice;
  readonly memory: GuestMemory;
  readonly events: RunnerEvents;
  /** Where the queues count what they do. Default: nowhere. */
  readonly figures?: QueueFigures;
  /** Runs `work` after what the thread does now. Default: `setImmediate`. */
  readonly later?: (work: () => void) => void;
}

/** A device that has not stopped after this time is reported. It is waited for all the same: it may still write to memory. */
const SLOW_STOP_MS = 5000;

/**
 * Nothing throws or rejects: what fails is reported as `needsReset`. `stopQueue`, `reset` and `close` are done when they return,
 * unless the device answers with a promise.
 */
export class DeviceRunner {
  /** Events of the device that came after its reset. */
  lateEvents = 0;
  readonly #device: VirtioDevice;
  #memory: GuestMemory;
  readonly #events: RunnerEvents;
  readonly #figures: QueueFigures | null;
  readonly #later: (work: () => void) => void;
  readonly #queues = new Map<number, RunningQueue>();
  /** The host of the current activation; null before and after. */
  #host: DeviceHost | null = null;

  constructor({ device, memory, events, figures, later = setImmediate }: RunnerOptions) {
    this.#device = device;
    this.#memory = memory;
    this.#events = events;
    this.#figures = figures ?? null;
    this.#later = (work) => void later(work);
  }

  /** DRIVER_OK. */
  start(driverFeatures: bigint, queues: readonly RunnerQueue[]): void {
    const host = this.#createHost();
    this.#host = host;
    try {
      this.#device.activate?.(driverFeatures, host);
    } catch (error) {
      this.#fail(host, error);
      return;
    }
    for (const queue of queues) this.startQueue(queue);
  }

  /** Starts one queue of a started device; a first kick follows. */
  startQueue({ setup, kickFd, call, observer, missing }: RunnerQueue): void {
    const { index } = setup;
    const host = this.#host;
    if (host === null || this.#queues.has(index)) return;
    try {
      const failed = (error: QueueError) => this.#fail(host, error);
      const polling = kickFd === null ? null : new RingPolling();
      const hooks = {
        call: this.#counted(index, call),
        failed,
        roomAvailable: () => this.#kickLater(index),
        ...(polling === null ? {} : { linger: (available: () => boolean) => polling.wait(available) }),
        ...(observer === undefined ? {} : { observer }),
        ...(missing === undefined ? {} : { missing }),
      };
      const queue = new RunningQueue(createQueue(setup, this.#memory, hooks));
      this.#queues.set(index, queue);
      this.#figures?.begin(index);
      if (kickFd !== null) queue.listen(kickFd, () => this.kick(index));
      this.#device.startQueue(index, queue.engine);
      this.#kickLater(index);
    } catch (error) {
      this.#fail(host, error);
    }
  }

  /** Other guest memory, for the queues that start from now on; while none runs. */
  replaceMemory(memory: GuestMemory): void {
    this.#memory = memory;
  }

  isRunning(index: number): boolean {
    return this.#queues.has(index);
  }

  kick(index: number): void {
    const queue = this.#queues.get(index);
    if (queue === undefined || queue.stopped !== null || !queue.engine.running) return;
    queue.kickOwed = false;
    guarded(
      () => this.#device.kick(index),
      (error) => queue.engine.fail(asQueueError(error)),
    );
    this.#figures?.kicked(index);
    this.#figures?.update(index, queue.engine);
  }

  /** `call`, and the figures are up to date then. */
  #counted(index: number, call: () => void): () => void {
    const figures = this.#figures;
    if (figures === null) return call;
    return () => {
      const queue = this.#queues.get(index);
      if (queue !== undefined) figures.update(index, queue.engine);
      call();
    };
  }

  /** The position of the queue once nothing of it is in flight; null where it does not run. */
  stopQueue(index: number): MaybePromise<QueuePosition | null> {
    const queue = this.#queues.get(index);
    if (queue === undefined) return null;
    queue.stopped ??= this.#stop(index, queue);
    return queue.stopped;
  }

  /** Stops all queues, then resets the device. */
  reset(): MaybePromise<void> {
    const host = this.#host;
    this.#host = null;
    const stops = [...this.#queues.keys()].map((index) => this.stopQueue(index));
    const reset = () =>
      guarded(
        () => this.#device.reset?.(),
        (error) => this.#report(host, error),
      );
    return andThen(all(stops), () => andThen(reset(), () => undefined));
  }

  /** Resets the device, then ends it. */
  close(): MaybePromise<void> {
    const failed = (error: unknown) => this.#events.log(`close: ${messageOf(error)}`);
    const close = () => guarded(() => this.#device.close?.(), failed);
    return andThen(this.reset(), () => andThen(close(), () => undefined));
  }

  #stop(index: number, queue: RunningQueue): MaybePromise<QueuePosition> {
    queue.unlisten();
    const stopping = guarded(
      () => this.#device.stopQueue(index),
      (error) => this.#report(this.#host, error),
    );
    const alarm = isPromise(stopping) ? setTimeout(() => this.#reportSlow(index), SLOW_STOP_MS).unref() : null;
    return andThen(stopping, () => {
      if (alarm !== null) clearTimeout(alarm);
      queue.engine.stop();
      this.#figures?.update(index, queue.engine);
      this.#queues.delete(index);
      return queue.engine.position;
    });
  }

  #reportSlow(index: number): void {
    this.#events.log(`the device has not stopped queue ${index} within ${SLOW_STOP_MS} ms`);
  }

  #kickLater(index: number): void {
    const queue = this.#queues.get(index);
    if (queue === undefined || queue.kickOwed) return;
    queue.kickOwed = true;
    this.#later(() => {
      if (queue.kickOwed && this.#queues.get(index) === queue) this.kick(index);
    });
  }

  #createHost(): DeviceHost {
    const currentMemory = () => this.#memory;
    const host: DeviceHost = {
      get memory() {
        return currentMemory();
      },
      configChanged: () => this.#ifCurrent(host, () => this.#events.configChanged()),
      needsReset: (reason) => this.#ifCurrent(host, () => this.#events.needsReset(reason)),
      kickLater: (index) => this.#ifCurrent(host, () => this.#kickLater(index)),
      log: (message) => this.#events.log(message),
    };
    return host;
  }

  /** A device may still hold the host of an activation that has ended. */
  #ifCurrent(host: DeviceHost, event: () => void): void {
    if (this.#host === host) event();
    else this.lateEvents += 1;
  }

  #fail(host: DeviceHost, error: unknown): void {
    this.#events.log(messageOf(error));
    host.needsReset(messageOf(error));
  }

  /** A failure while the device stops: there may be nobody left to tell. */
  #report(host: DeviceHost | null, error: unknown): void {
    if (host === null) this.#events.log(messageOf(error));
    else this.#fail(host, error);
  }
}

function asQueueError(error: unknown): QueueError {
  return error instanceof QueueError ? error : new QueueError('device', `it threw ${messageOf(error)}`, error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
