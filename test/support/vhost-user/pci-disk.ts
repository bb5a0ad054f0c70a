/** A disk of a backend as a driver sees it: virtio-pci registers, kicks handed over to the backend. */
import { GuestMemory } from 'ioregion/memory';
import { SocketUnreachableError } from 'ioregion/native';
import { HandOverControl, HostNotifiers, VirtioPciFunction } from 'ioregion/virtio';
import { MockDriver, PciTransport } from '../../../src/testing/index.js';
import { VhostUserControl, type VhostUserControlOptions } from '../../../src/vhost-user/index.js';
import { DeviceType } from '../../../src/virtio/spec/index.js';

/** A VM that has ioeventfds, with a guest whose kicks come as register accesses all the same. */
const binder = { assign: () => {}, deassign: () => {} };
const MEMORY_BYTES = 1 << 24;

export class PciDisk {
  readonly control: VhostUserControl;
  readonly notifiers: HostNotifiers;
  readonly driver: MockDriver<PciTransport>;
  readonly #memory: GuestMemory;
  readonly #function: VirtioPciFunction;

  private constructor(control: VhostUserControl, memory: GuestMemory, features: bigint) {
    this.control = control;
    this.#memory = memory;
    const transport = new PciTransport();
    const queues = control.description.queueSizes.length;
    this.notifiers = new HostNotifiers({ binder, queues, limit: 'many' });
    const { notifiers } = this;
    this.#function = new VirtioPciFunction({
      control: new HandOverControl(control, notifiers),
      sink: transport.sink,
      notifiers,
    });
    this.#function.place(4, 0xd000_0000);
    this.driver = new MockDriver(transport.connect(this.#function), memory, { features, indirect: true });
  }

  static async connect(
    path: string,
    features: bigint,
    options: Partial<VhostUserControlOptions> = {},
  ): Promise<PciDisk> {
    const memory = GuestMemory.create(MEMORY_BYTES);
    try {
      const control = await VhostUserControl.connect({ path, memory, deviceType: DeviceType.block, ...options });
      return new PciDisk(control, memory, features);
    } catch (error) {
      memory.close();
      throw error;
    }
  }

  /** A backend has its socket before it listens there. */
  static async connectWhenListening(...args: Parameters<typeof PciDisk.connect>): Promise<PciDisk> {
    for (;;) {
      try {
        return await PciDisk.connect(...args);
      } catch (error) {
        if (!(error instanceof SocketUnreachableError)) throw error;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  get notifierState(): string {
    return this.notifiers.state(0);
  }

  async close(): Promise<void> {
    await this.#function.close();
    await this.control.close();
    this.notifiers.close();
    this.#memory.close();
  }
}
