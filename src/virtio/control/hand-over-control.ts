/** A device whose queues run outside this process: whoever runs them gets their kicks without a detour. */
import { closeAll, EventFd } from '../../native/index.js';
import type { HostNotifiers } from '../host-notifier/index.js';
import type { InterruptSource } from '../interrupt/index.js';
import type { ControlState } from './control-state.js';
import type { DeviceControl, DeviceDescription, QueueStart } from './device-control.js';
import type { SharedConfig } from './shared-config.js';

/**
 * Hands the host notifier of each queue over when the queue starts (`offlimits`: ioeventfds signal what `inner` was given, on a
 * host with six of them too), and takes it back when it has stopped. Where the VM refuses an ioeventfd, kicks are calls that
 * signal the same eventfd. All methods belong to the thread of the notifiers.
 */
export class HandOverControl implements DeviceControl {
  readonly watchesKicks = true;
  readonly #inner: DeviceControl;
  readonly #notifiers: HostNotifiers;
  /** By queue. */
  readonly #kickFds: readonly EventFd[];
  readonly #owned = new Set<number>();
  #closing: Promise<void> | null = null;

  /** `inner` watches kicks; `notifiers` are those that the transport is given. */
  constructor(inner: DeviceControl, notifiers: HostNotifiers) {
    this.#inner = inner;
    this.#notifiers = notifiers;
    this.#kickFds = inner.description.queueSizes.map(() => EventFd.create());
  }

  get description(): DeviceDescription {
    return this.#inner.description;
  }

  get config(): SharedConfig {
    return this.#inner.config;
  }

  get state(): ControlState {
    return this.#inner.state;
  }

  get sharesInterrupts(): boolean {
    return this.#inner.sharesInterrupts;
  }

  activate(driverFeatures: bigint, queues: readonly QueueStart[], interrupts: InterruptSource): void {
    this.#takeBackStopped();
    this.#inner.activate(
      driverFeatures,
      queues.map((queue) => this.#handOver(queue)),
      interrupts,
    );
  }

  startQueue(queue: QueueStart): void {
    this.#takeBackStopped();
    this.#inner.startQueue(this.#handOver(queue));
  }

  stopQueue(index: number): void {
    this.#inner.stopQueue(index);
    this.#takeBackLater();
  }

  kick(index: number): void {
    if (this.#owned.has(index)) this.#kickFds[index]!.signal();
  }

  writeConfig(offset: number, size: number, value: number): void {
    this.#inner.writeConfig(offset, size, value);
  }

  reset(): void {
    this.#inner.reset();
    this.#takeBackLater();
  }

  saveDevice(): unknown {
    return this.#inner.saveDevice();
  }

  restoreDevice(state: unknown): void {
    this.#inner.restoreDevice(state);
  }

  settled(): Promise<void> {
    return this.#inner.settled().then(() => this.#takeBackStopped());
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await this.#inner.close();
    for (const index of this.#owned) this.#takeBack(index);
    closeAll(this.#kickFds);
  }

  #handOver({ setup }: QueueStart): QueueStart {
    const kickFd = this.#kickFds[setup.index]!;
    if (!this.#owned.has(setup.index)) {
      this.#owned.add(setup.index);
      this.#notifiers.handOver(setup.index, { kickFd });
    }
    return { setup, kickFd };
  }

  /** On a thread without an event loop it is done at the next start instead. */
  #takeBackLater(): void {
    this.#takeBackStopped();
    if (this.#owned.size > 0) void this.settled();
  }

  #takeBackStopped(): void {
    for (const index of this.#owned) if (!this.state.queueRunning(index)) this.#takeBack(index);
  }

  #takeBack(index: number): void {
    this.#owned.delete(index);
    this.#notifiers.takeBack(index);
  }
}
