/** A virtio device as a PCI function: configuration space and BARs, as register devices. */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { DeviceControl } from '../control/index.js';
import type { Doorbell, HostNotifiers } from '../host-notifier/index.js';
import { InterruptController, type InterruptSink, InterruptSource, InterruptState } from '../interrupt/index.js';
import { Feature, LegacyCfg } from '../spec/index.js';
import { CONFIG_SPACE_SIZE } from '../spec/pci-config-space.js';
import { type DriverInterface, type Refusals, TransportCore } from '../transport/index.js';
import { type BarMapping, ConfigSpace } from './config-space.js';
import { pciIdentity } from './identity.js';
import { type Bar, type FunctionLayout, functionLayout, NOTIFY_MULTIPLIER } from './layout.js';
import { PciCfgAccess } from './pci-cfg-access.js';
import { functionRegions, functionWindows, type PciRegion } from './regions.js';

export interface VirtioPciFunctionOptions {
  readonly control: DeviceControl;
  readonly sink: InterruptSink;
  /** Whose ioeventfds take kicks. Default: none, every kick is a register access. */
  readonly notifiers?: HostNotifiers | null;
  /** With a legacy I/O BAR, and the IDs that go with it. Default false. */
  readonly transitional?: boolean;
  /** Size of the MSI-X table; 0 for a function without. Default: one per queue, and one for configuration changes. */
  readonly vectors?: number;
  /**
   * Offers VIRTIO_F_NOTIFICATION_DATA. A driver that takes it up gets no ioeventfds, which carry no value: its kicks are
   * posted writes. Default false.
   */
  readonly notificationData?: boolean;
  /**
   * Kicks of any width are ioeventfds, which is faster where the host finds the address without decoding the instruction;
   * needs KVM_CAP_IOEVENTFD_ANY_LENGTH. Default false: writes of 2 bytes.
   */
  readonly anyWidthKicks?: boolean;
  /** A BAR is elsewhere now, or nowhere. Called on the thread of the access, before it completes. */
  readonly onBarMapped?: (mapping: BarMapping) => void;
}

/**
 * All accesses belong to one thread; which one does not matter. The device, its queues and interrupts may be on others.
 */
export class VirtioPciFunction {
  /** Configuration space: 256 bytes. */
  readonly config: RegisterDevice;
  readonly configSize = CONFIG_SPACE_SIZE;
  readonly bars: readonly Bar[];
  /** The parts of the BARs. */
  readonly regions: readonly PciRegion[];
  readonly #core: TransportCore;
  readonly #config: ConfigSpace;
  readonly #layout: FunctionLayout;
  readonly #anyWidthKicks: boolean;

  /** @throws PciFunctionError, DeviceTypeError */
  constructor(options: VirtioPciFunctionOptions) {
    const { control, sink, transitional = false, anyWidthKicks = false } = options;
    const { deviceType, queueSizes } = control.description;
    const { vectors = queueSizes.length + 1 } = options;
    const identity = pciIdentity(deviceType, transitional);
    const shape = { queues: queueSizes.length, vectors, configLength: control.config.length, transitional };
    this.#layout = functionLayout(shape);
    this.#anyWidthKicks = anyWidthKicks;
    const state = InterruptState.create(vectors, queueSizes.length);
    const interrupts = new InterruptController(new InterruptSource(state, sink));
    this.#core = this.#createCore(options, interrupts);
    const windows = functionWindows(this.#layout, this.#core, vectors);
    this.bars = this.#layout.bars;
    this.regions = functionRegions(this.bars, windows);
    const pciCfg = new PciCfgAccess(windows.virtio, this.#core.refusals);
    const onBarMapped = (mapping: BarMapping) => this.#barMapped(mapping, options.onBarMapped);
    const { hasPin } = interrupts;
    this.#config = new ConfigSpace({
      identity,
      layout: this.#layout,
      vectors,
      hasPin,
      interrupts,
      pciCfg,
      onBarMapped,
    });
    this.config = this.#config;
  }

  /** What the driver was not allowed to do, by kind. */
  get refusals(): Readonly<Refusals> {
    return this.#core.refusals;
  }

  /** Device status as the driver reads it. */
  get status(): number {
    return this.#core.status;
  }

  /** What firmware does: gives a BAR an address, a multiple of its size, and has it decoded. */
  place(bar: number, address: number): void {
    this.#config.place(bar, address);
  }

  /** Where a BAR is decoded now; null where it is not. */
  address(bar: number): number | null {
    return this.#config.address(bar);
  }

  #createCore(options: VirtioPciFunctionOptions, interrupts: InterruptController): TransportCore {
    const { control, notifiers = null, notificationData = false } = options;
    const doorbellOf = (queue: number, driverInterface: DriverInterface) => this.#doorbell(queue, driverInterface);
    const withheld = notificationData ? 0n : Feature.notificationData;
    return new TransportCore({ control, interrupts, notifiers, doorbellOf, withheld });
  }

  #barMapped(mapping: BarMapping, onBarMapped: ((mapping: BarMapping) => void) | undefined): void {
    this.#core.queues.moveDoorbells();
    onBarMapped?.(mapping);
  }

  #doorbell(queue: number, driverInterface: DriverInterface): Doorbell | null {
    const { notify, legacy } = this.#layout;
    const window = driverInterface === 'legacy' ? legacy : notify;
    const base = window === null ? null : this.#config.address(window.bar);
    if (window === null || base === null) return null;
    if (window === legacy) {
      return { space: 'pio', address: base + LegacyCfg.queueNotify, length: 2, datamatch: queue };
    }
    const address = base + window.offset + queue * NOTIFY_MULTIPLIER;
    return { space: 'mmio', address, length: this.#anyWidthKicks ? 0 : 2 };
  }
}
