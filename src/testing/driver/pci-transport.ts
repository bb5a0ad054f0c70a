/** A driver that reaches its device through the registers of virtio-pci (4.1). */
import { CommonCfg, DeviceStatus, encodeNotification, Feature, type QueueSetup } from '../../virtio/index.js';
import { CallSink } from './call-sink.js';
import { type DriverTransport, NO_EVENTS } from './driver-transport.js';
import { PciDriver, type Registers } from './pci-driver.js';

const DOORBELL_BYTES = 2;
const NOTIFICATION_DATA_BYTES = 4;

export class PciTransport implements DriverTransport {
  events = NO_EVENTS;
  /** For the function: its interrupts arrive here. */
  readonly sink = new CallSink(() => this.events);
  #registers: PciDriver | undefined;
  #notificationData = false;

  /** Finds the function, which was made with `sink`. */
  connect(pciFunction: Registers): this {
    this.#registers = new PciDriver(pciFunction);
    return this;
  }

  /** All registers, for what a right driver does not do. Throws before `connect`. */
  get registers(): PciDriver {
    if (this.#registers === undefined) throw new Error('connect the transport to a function first');
    return this.#registers;
  }

  get offered(): bigint {
    return this.registers.offered;
  }

  get queueSizes(): readonly number[] {
    const { registers } = this;
    return Array.from({ length: registers.get16(CommonCfg.numQueues) }, (_, queue) => {
      registers.set16(CommonCfg.queueSelect, queue);
      return registers.get16(CommonCfg.queueSize);
    });
  }

  get needsReset(): boolean {
    return (this.registers.status & DeviceStatus.needsReset) !== 0;
  }

  negotiate(features: bigint): boolean {
    this.#notificationData = (features & Feature.notificationData) !== 0n;
    const agreed = this.registers.negotiate(features);
    if (agreed) this.#setVectors();
    return agreed;
  }

  /** A position cannot be told: the ring has to be fresh. */
  enableQueue({ index, size, descriptors, driverArea, deviceArea }: QueueSetup): void {
    this.registers.enableQueue(index, size, [descriptors, driverArea, deviceArea], index + 1);
  }

  driverOk(): void {
    this.registers.ready();
  }

  kick(queue: number, position: number): void {
    const value = this.#notificationData ? encodeNotification({ queue, available: position }) : queue;
    this.registers.kick(queue, this.#notificationData ? NOTIFICATION_DATA_BYTES : DOORBELL_BYTES, value);
  }

  async resetQueue(queue: number): Promise<void> {
    const { registers } = this;
    registers.set16(CommonCfg.queueSelect, queue);
    registers.set16(CommonCfg.queueReset, 1);
    await until(() => {
      registers.set16(CommonCfg.queueSelect, queue);
      return registers.get16(CommonCfg.queueReset) === 0;
    });
  }

  async reset(): Promise<void> {
    this.registers.status = 0;
    await until(() => this.registers.status === 0);
  }

  #setVectors(): void {
    const { registers } = this;
    if (registers.msix === undefined) return;
    registers.enableMsix();
    for (let vector = 0; vector <= registers.get16(CommonCfg.numQueues); vector++) registers.setVector(vector);
    registers.set16(CommonCfg.configMsixVector, 0);
  }
}

/** Drivers poll for the end of a reset (2.4.1, 2.6.1). */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}
