/** A device that can be replaced by another one under the same driver. */
import type { ConfigSpace, DeviceHost, VirtioDevice } from '../device.js';
import type { VirtQueue } from '../queue/index.js';
import { requireCompatible } from './compatibility.js';
import { ReloadError } from './errors.js';

/** What the transport has told the device since it was activated. */
interface Activation {
  readonly driverFeatures: bigint;
  readonly host: DeviceHost;
}

/**
 * Stands before a device, whatever the transport. `replace` stops its queues, hands its state to the next device and starts
 * the same queues there: the driver sees a pause. Calls of the transport wait for a replacement under way.
 */
export class ReloadableDevice implements VirtioDevice {
  readonly config: ConfigSpace;
  #current: VirtioDevice;
  #activation: Activation | null = null;
  readonly #queues = new Map<number, VirtQueue>();
  /** Pending while a device is being replaced. */
  #replacing: Promise<void> | null = null;

  constructor(device: VirtioDevice) {
    const current = () => this.#current;
    this.#current = device;
    this.config = {
      get bytes() {
        return current().config.bytes;
      },
      write: (offset, bytes) => this.#current.config.write?.(offset, bytes),
    };
  }

  /** The device that works now. */
  get current(): VirtioDevice {
    return this.#current;
  }

  get deviceType(): number {
    return this.#current.deviceType;
  }

  get features(): bigint {
    return this.#current.features;
  }

  get queueSizes(): readonly number[] {
    return this.#current.queueSizes;
  }

  activate(driverFeatures: bigint, host: DeviceHost): void {
    this.#activation = { driverFeatures, host };
    if (this.#replacing === null) this.#activate(this.#current);
  }

  startQueue(index: number, queue: VirtQueue): void {
    this.#queues.set(index, queue);
    if (this.#replacing === null) this.#current.startQueue(index, queue);
  }

  kick(index: number): void | Promise<void> {
    // After a replacement all queues are kicked.
    if (this.#replacing === null && this.#queues.has(index)) return this.#current.kick(index);
  }

  stopQueue(index: number): void | Promise<void> {
    const stop = () => {
      this.#queues.delete(index);
      return this.#current.stopQueue(index);
    };
    return this.#afterReplacement(stop);
  }

  reset(): void | Promise<void> {
    const reset = () => {
      this.#activation = null;
      return this.#current.reset?.();
    };
    return this.#afterReplacement(reset);
  }

  save(): unknown {
    return this.#current.save?.();
  }

  restore(state: unknown): void {
    this.#current.restore?.(state);
  }

  relinquish(): void {
    this.#current.relinquish?.();
  }

  close(): void | Promise<void> {
    return this.#afterReplacement(() => this.#current.close?.());
  }

  /**
   * `next` takes over, and is closed where it cannot. ReloadError then, and the device goes on as before. One at a time.
   */
  async replace(next: VirtioDevice): Promise<void> {
    while (this.#replacing !== null) await this.#replacing.catch(() => {});
    this.#replacing = this.#replace(next).finally(() => {
      this.#replacing = null;
    });
    await this.#replacing.finally(() => this.#kickAll());
  }

  async #replace(next: VirtioDevice): Promise<void> {
    const previous = this.#current;
    try {
      requireCompatible(previous, next, this.#activation?.driverFeatures ?? null);
      await this.#stopAll(previous);
      this.#handOver(previous, next);
    } catch (error) {
      this.#current = previous;
      await next.close?.();
      this.#startAll(previous);
      throw error instanceof ReloadError ? error : new ReloadError(`it failed to take over: ${error}`, error);
    }
    await previous.reset?.();
    await previous.close?.();
  }

  async #stopAll(device: VirtioDevice): Promise<void> {
    await Promise.all([...this.#queues.keys()].map((index) => device.stopQueue(index)));
    const kept = [...this.#queues.values()].find((queue) => queue.inFlight > 0);
    if (kept !== undefined) throw new ReloadError(`the old one keeps ${kept.inFlight} chain(s) of queue ${kept.index}`);
  }

  #handOver(previous: VirtioDevice, next: VirtioDevice): void {
    const state = previous.save?.();
    if (state !== undefined) next.restore?.(structuredClone(state));
    const configChanged = !Buffer.from(previous.config.bytes).equals(next.config.bytes);
    this.#current = next;
    this.#activate(next);
    this.#startAll(next);
    if (configChanged) this.#activation?.host.configChanged();
  }

  /** What a device says once it has been replaced is not heard. */
  #activate(device: VirtioDevice): void {
    if (this.#activation === null) return;
    const { driverFeatures, host } = this.#activation;
    const ifCurrent = (event: () => void) => {
      if (this.#current === device) event();
    };
    device.activate?.(driverFeatures, {
      get memory() {
        return host.memory;
      },
      configChanged: () => ifCurrent(() => host.configChanged()),
      needsReset: (reason) => ifCurrent(() => host.needsReset(reason)),
      kickLater: (index) => ifCurrent(() => host.kickLater(index)),
      log: (message) => host.log(message),
    });
  }

  #startAll(device: VirtioDevice): void {
    for (const [index, queue] of this.#queues) device.startQueue(index, queue);
  }

  #kickAll(): void {
    for (const index of this.#queues.keys()) this.#activation?.host.kickLater(index);
  }

  #afterReplacement(call: () => void | Promise<void>): void | Promise<void> {
    return this.#replacing === null ? call() : this.#replacing.then(call, call);
  }
}
