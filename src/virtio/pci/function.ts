/** A virtio device as a PCI function: configuration space and BARs, as register devices. */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { DeviceControl } from '../control/index.js';
import type { Doorbell, HostNotifiers } from '../host-notifier/index.js';
import { InterruptController, type InterruptSink, InterruptSource, InterruptState } from '../interrupt/index.js';
import { Feature, LegacyCfg } from '../spec/index.js';
import { CONFIG_SPACE_SIZE } from '../spec/pci-config-space.js';
import { SavedFields, type Suspendable } from '../state/index.js';
import { type DriverInterface, type Refusals, TransportCore } from '../transport/index.js';
import { type BarMapping, ConfigSpace } from './config-space.js';
import { PciFunctionError } from './errors.js';
import type { FunctionShape } from './function-shape.js';
import { type Bar, type FunctionLayout, NOTIFY_MULTIPLIER } from './layout.js';
import { PciCfgAccess } from './pci-cfg-access.js';
import { type FunctionWindows, functionRegions, functionWindows, type PciRegion } from './regions.js';

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
  /** The driver has it already: of the function's shape, and not connected yet. Default: a new one. */
  readonly configSpace?: ConfigSpace;
}

/**
 * All accesses belong to one thread; which one does not matter. The device, its queues and interrupts may be on others.
 */
export class VirtioPciFunction implements Suspendable {
  /** Configuration space: 256 bytes. */
  readonly config: RegisterDevice;
  readonly configSize = CONFIG_SPACE_SIZE;
  readonly bars: readonly Bar[];
  /** The parts of the BARs. */
  readonly regions: readonly PciRegion[];
  readonly #control: DeviceControl;
  readonly #windows: FunctionWindows;
  readonly #notifiers: HostNotifiers | null;
  readonly #core: TransportCore;
  readonly #config: ConfigSpace;
  readonly #layout: FunctionLayout;
  readonly #anyWidthKicks: boolean;

  /** @throws PciFunctionError, DeviceTypeError */
  constructor(options: VirtioPciFunctionOptions) {
    checkSink(options);
    const { control, sink, notifiers = null } = options;
    this.#control = control;
    this.#notifiers = notifiers;
    this.#anyWidthKicks = options.anyWidthKicks ?? false;
    const shape = shapeOf(options);
    const { vectors, queues } = shape;
    this.#config = configOf(options, shape);
    this.config = this.#config;
    this.#layout = this.#config.layout;
    this.bars = this.#layout.bars;
    const source = new InterruptSource(InterruptState.create(vectors, queues), sink);
    this.#core = this.#createCore(options, new InterruptController(source));
    const windows = functionWindows(this.#layout, this.#core, vectors);
    this.#windows = windows;
    this.regions = functionRegions(this.#layout, windows);
    this.#connect(windows, options.onBarMapped);
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

  suspend(): void {
    this.#core.suspend();
  }

  get quiet(): boolean {
    return this.#core.quiet;
  }

  /** @throws DeviceStateError, and what the device throws */
  save(): unknown {
    const blocks = Object.entries(this.#windows.blocks).map(([name, block]) => [name, block.save()] as const);
    return {
      deviceType: this.#control.description.deviceType,
      config: this.#config.save(),
      blocks: Object.fromEntries(blocks),
      interrupts: this.#core.interrupts.save(),
      transport: this.#core.save(),
      device: this.#control.saveDevice() ?? null,
    };
  }

  /** Pending interrupts are sent from here on. @throws SavedStateError, RegisterStateError, DeviceStateError */
  restore(state: unknown): void {
    const saved = new SavedFields(state, 'a PCI function');
    const { deviceType } = this.#control.description;
    if (saved.any('deviceType') !== deviceType) throw saved.error('deviceType', `is not ${deviceType}`);
    const blocks = saved.fields('blocks');
    for (const [name, block] of Object.entries(this.#windows.blocks)) block.restore(blocks.any(name));
    this.#core.interrupts.restore(saved.any('interrupts'));
    const device = saved.any('device');
    if (device !== null) this.#control.restoreDevice(device);
    this.#core.restore(saved.any('transport'));
    this.#config.restore(saved.any('config'));
  }

  /** Calls the driver once for each queue that runs: what was raised while the state was saved may be in nobody's state. */
  resume(): void {
    this.#core.resume();
  }

  /**
   * Ends the device, for a thread with an event loop: no ioeventfd is left in the VM, nothing of the device is in flight.
   * Idempotent.
   */
  async close(): Promise<void> {
    this.#notifiers?.stopAll();
    await this.#control.close();
    this.#notifiers?.close();
  }

  #createCore(options: VirtioPciFunctionOptions, interrupts: InterruptController): TransportCore {
    const { control, notifiers = null, notificationData = false } = options;
    const doorbellOf = (queue: number, driverInterface: DriverInterface) => this.#doorbell(queue, driverInterface);
    const withheld = notificationData ? 0n : Feature.notificationData;
    return new TransportCore({ control, interrupts, notifiers, doorbellOf, withheld });
  }

  #connect(windows: FunctionWindows, onBarMapped: ((mapping: BarMapping) => void) | undefined): void {
    const { interrupts, refusals } = this.#core;
    this.#config.connect({
      interrupts,
      pciCfg: new PciCfgAccess(windows.virtio, refusals),
      onBarMapped: (mapping) => this.#barMapped(mapping, onBarMapped),
    });
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

function shapeOf({ control, sink, transitional = false, vectors }: VirtioPciFunctionOptions): FunctionShape {
  const { deviceType, queueSizes } = control.description;
  const queues = queueSizes.length;
  const layout = { queues, vectors: vectors ?? queues + 1, configLength: control.config.length, transitional };
  return { ...layout, deviceType, hasPin: sink.setPin !== undefined };
}

/** @throws PciFunctionError, DeviceTypeError */
function configOf({ configSpace }: VirtioPciFunctionOptions, shape: FunctionShape): ConfigSpace {
  if (configSpace === undefined) return new ConfigSpace(shape);
  if (!configSpace.describes(shape)) throw new PciFunctionError('the device is another than the driver has seen');
  return configSpace;
}

/** @throws PciFunctionError */
function checkSink({ control, sink }: VirtioPciFunctionOptions): void {
  if (!control.sharesInterrupts || sink.describe !== undefined) return;
  throw new PciFunctionError('the device raises interrupts on another thread, and the sink works on this one only');
}
