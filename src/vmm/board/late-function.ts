/**
 * A function that the guest may look for before it is there. Its configuration space is, where what it says is known; any other
 * access waits on the thread of the board until the device can answer it. The guest sees a slow device, never an empty slot.
 */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { Starting } from '../../virtio/control/index.js';
import {
  ConfigSpace,
  type FunctionShape,
  functionRegionPlaces,
  type LayoutOptions,
  PciFunctionError,
  type RegionPlace,
  type VirtioPciFunction,
} from '../../virtio/pci/index.js';
import type { Suspendable } from '../../virtio/state/index.js';
import type { BarRegion, PciFunction } from '../pci/index.js';

/** The longest wait for a device that starts, ms: what a device process has for any access. */
const START_MS = 30_000;
const ALL_ONES = 0xffffffff;

/** One of the function's register devices. Without the function it reads as all ones: the machine is about to end. */
class LateDevice implements RegisterDevice {
  readonly #find: () => RegisterDevice | null;
  #device: RegisterDevice | null = null;

  constructor(find: () => RegisterDevice | null) {
    this.#find = find;
  }

  read(offset: number, size: number): number {
    this.#device ??= this.#find();
    return this.#device === null ? ALL_ONES : this.#device.read(offset, size);
  }

  write(offset: number, size: number, value: number): void {
    this.#device ??= this.#find();
    this.#device?.write(offset, size, value);
  }
}

export interface LateFunctionOptions {
  /** `config`: what the guest has of the function meanwhile. */
  readonly begin: (config: (() => ConfigSpace) | undefined) => Starting<VirtioPciFunction>;
  readonly shape: LayoutOptions;
  /** What configuration space says; null where only the device knows. */
  readonly described: FunctionShape | null;
  /** The addresses of its BARs. */
  readonly firmware: Readonly<Record<number, number>>;
}

export class LateFunction implements PciFunction, Suspendable {
  readonly config: RegisterDevice;
  readonly regions: readonly BarRegion[];
  readonly firmware: Readonly<Record<number, number>>;
  readonly #options: LateFunctionOptions;
  #configSpace: ConfigSpace | null = null;
  #starting: Starting<VirtioPciFunction> | null = null;
  #failed = false;

  constructor(options: LateFunctionOptions) {
    const { shape, described, firmware } = options;
    this.#options = options;
    this.firmware = firmware;
    this.config = new LateDevice(() =>
      described === null ? this.#waitFor(({ config }) => config) : this.#early(described),
    );
    this.regions = functionRegionPlaces(shape).map((place) => {
      return { ...place, device: new LateDevice(() => this.#waitFor((made) => regionOf(made, place))) };
    });
  }

  /** Idempotent. */
  begin(): Starting<VirtioPciFunction> {
    const { begin, described } = this.#options;
    this.#starting ??= begin(described === null ? undefined : () => this.#early(described));
    return this.#starting;
  }

  /** Makes what the guest looks at first, where the device need not be asked for it. */
  prepare(): void {
    const { described } = this.#options;
    if (described !== null) this.#early(described);
  }

  /** Null where the device has failed, which its machine hears from the device's thread. */
  wait(): VirtioPciFunction | null {
    if (this.#failed) return null;
    try {
      return this.begin().wait(START_MS);
    } catch {
      this.#failed = true;
      return null;
    }
  }

  suspend(): void {
    this.#made.suspend();
  }

  get quiet(): boolean {
    return this.#made.quiet;
  }

  save(): unknown {
    return this.#made.save();
  }

  restore(state: unknown): void {
    this.#made.restore(state);
  }

  resume(): void {
    this.#made.resume();
  }

  /** Of a device that is still to come too. */
  async close(): Promise<void> {
    const made = await this.#starting?.ready().catch(() => null);
    await made?.close();
  }

  /** Made when it is first asked for: by `prepare`, by the guest, or by the function. */
  #early(described: FunctionShape): ConfigSpace {
    if (this.#configSpace !== null) return this.#configSpace;
    const config = new ConfigSpace(described, () => void this.wait());
    for (const [bar, address] of Object.entries(this.firmware)) config.place(Number(bar), address);
    this.#configSpace = config;
    return config;
  }

  #waitFor(find: (made: VirtioPciFunction) => RegisterDevice): RegisterDevice | null {
    const made = this.wait();
    return made === null ? null : find(made);
  }

  /** A machine that has all its devices asks for their states. */
  get #made(): VirtioPciFunction {
    const made = this.wait();
    if (made === null) throw new PciFunctionError('the device is not there');
    return made;
  }
}

/** @throws PciFunctionError where the device is of another shape than its description */
function regionOf({ regions }: VirtioPciFunction, { name, offset, size }: RegionPlace): RegisterDevice {
  const found = regions.find((region) => region.name === name && region.offset === offset && region.size === size);
  if (found === undefined) throw new PciFunctionError(`the device has other regions than described: no ${name}`);
  return found.device;
}
