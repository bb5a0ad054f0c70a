/** A driver that reaches its device through the seam under all transports: DeviceControl. */
import {
  type DeviceControl,
  Feature,
  InterruptController,
  InterruptSource,
  InterruptState,
  type QueueSetup,
} from '../../virtio/index.js';
import { CallSink } from './call-sink.js';
import { type DriverTransport, NO_EVENTS } from './driver-transport.js';

export class ControlTransport implements DriverTransport {
  events = NO_EVENTS;
  readonly control: DeviceControl;
  readonly #interrupts: InterruptSource;
  #features = 0n;
  #enabled: QueueSetup[] = [];
  #live = false;

  /** `control` raises its interrupts on this thread. */
  constructor(control: DeviceControl) {
    this.control = control;
    this.#interrupts = interruptsTo(new CallSink(() => this.events), this.queueSizes.length);
  }

  get offered(): bigint {
    return this.control.description.features | Feature.version1;
  }

  get queueSizes(): readonly number[] {
    return this.control.description.queueSizes;
  }

  get needsReset(): boolean {
    return this.control.state.needsReset;
  }

  negotiate(features: bigint): boolean {
    if ((features & ~this.offered) !== 0n) return false;
    this.#features = features;
    this.#enabled = [];
    return true;
  }

  enableQueue(setup: QueueSetup): void {
    if (this.#live) this.control.startQueue({ setup, kickFd: null });
    else this.#enabled.push(setup);
  }

  driverOk(): void {
    this.#live = true;
    const queues = this.#enabled.map((setup) => ({ setup, kickFd: null }));
    this.control.activate(this.#features, queues, this.#interrupts);
  }

  kick(queue: number): void {
    this.control.kick(queue);
  }

  async resetQueue(queue: number): Promise<void> {
    this.control.stopQueue(queue);
    await this.control.settled();
  }

  async reset(): Promise<void> {
    this.#live = false;
    this.control.reset();
    await this.control.settled();
  }
}

/** MSI-X: vector 0 for configuration changes, vector n + 1 for queue n. */
function interruptsTo(sink: CallSink, queues: number): InterruptSource {
  const source = new InterruptSource(InterruptState.create(queues + 1, queues), sink);
  const controller = new InterruptController(source);
  controller.setMode(true, false);
  for (let vector = 0; vector <= queues; vector++) controller.setVector(vector, 'control', 0);
  controller.configVector = 0;
  for (let queue = 0; queue < queues; queue++) controller.setQueueVector(queue, queue + 1);
  return source;
}
