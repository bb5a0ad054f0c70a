/** A device control that records what a transport asks of it, and finishes resets when the test says so. */
import { ControlState, type DeviceControl, type QueueStart, SharedConfig } from '#dist/src/virtio/control/index.js';
import type { InterruptSource } from '#dist/src/virtio/interrupt/index.js';
import { RING_FEATURES } from '#dist/src/virtio/queue/index.js';
import { DeviceType } from '#dist/src/virtio/spec/index.js';

export interface RecordedControlOptions {
  deviceType?: number;
  features?: bigint;
  queueSizes?: number[];
  config?: Uint8Array;
  /** Resets and queue resets take until `finish`. */
  slow?: boolean;
}

export class RecordedControl implements DeviceControl {
  readonly description: DeviceControl['description'];
  readonly config: SharedConfig;
  readonly state: ControlState;
  readonly watchesKicks: boolean = true;
  readonly sharesInterrupts: boolean = false;
  readonly activations: { features: bigint; queues: readonly QueueStart[] }[] = [];
  readonly started: QueueStart[] = [];
  readonly kicks: number[] = [];
  readonly configWrites: [offset: number, size: number, value: number][] = [];
  resets = 0;
  deviceState: unknown = null;
  /** Resets that the transport waited for. */
  finished = 0;
  interrupts: InterruptSource | null = null;
  readonly #slow: boolean;
  #unfinished: (() => void)[] = [];

  constructor(options: RecordedControlOptions = {}) {
    const { deviceType = DeviceType.entropy, features = 0n, queueSizes = [256, 64], slow = false } = options;
    this.description = { deviceType, features: features | RING_FEATURES, queueSizes };
    this.config = SharedConfig.create(options.config ?? new Uint8Array(0));
    this.state = ControlState.create(queueSizes.length);
    this.#slow = slow;
  }

  activate(features: bigint, queues: readonly QueueStart[], interrupts: InterruptSource): void {
    this.activations.push({ features, queues });
    this.interrupts = interrupts;
    this.state.activate();
    for (const { setup } of queues) this.state.startQueue(setup.index);
  }

  startQueue(queue: QueueStart): void {
    this.started.push(queue);
    this.state.startQueue(queue.setup.index);
  }

  stopQueue(index: number): void {
    this.#soon(() => this.state.endQueue(index, null));
  }

  saveDevice(): unknown {
    return this.deviceState;
  }

  restoreDevice(state: unknown): void {
    this.deviceState = state;
  }

  kick(index: number): void {
    this.kicks.push(index);
  }

  writeConfig(offset: number, size: number, value: number): void {
    this.configWrites.push([offset, size, value]);
  }

  reset(): void {
    this.resets += 1;
    this.state.beginReset();
    this.#soon(() => {
      for (const index of this.description.queueSizes.keys()) this.state.endQueue(index, null);
      this.state.endReset();
    });
  }

  finishReset(): void {
    this.finished += 1;
    this.finish();
  }

  settled(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends what is under way. */
  finish(): void {
    for (const end of this.#unfinished.splice(0)) end();
  }

  /** What a device does that cannot go on. */
  fail(): void {
    if (this.state.setNeedsReset()) this.interrupts?.callConfig();
  }

  #soon(end: () => void): void {
    if (this.#slow) this.#unfinished.push(end);
    else end();
  }
}
