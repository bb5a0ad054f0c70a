/**
 * A function that the guest may look for before it is there: its first access waits on the thread of the board until the device
 * can answer it. The guest sees a slow device, never an empty slot.
 */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { Starting } from '../../virtio/control/index.js';
import {
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

type Find = (made: VirtioPciFunction) => RegisterDevice;

/** One of the function's register devices. Without the function it reads as all ones: the machine is about to end. */
class LateDevice implements RegisterDevice {
  readonly #owner: LateFunction;
  readonly #find: Find;
  #device: RegisterDevice | null = null;

  constructor(owner: LateFunction, find: Find) {
    this.#owner = owner;
    this.#find = find;
  }

  read(offset: number, size: number): number {
    const device = this.#device ?? this.#arrived();
    return device === null ? ALL_ONES : device.read(offset, size);
  }

  write(offset: number, size: number, value: number): void {
    const device = this.#device ?? this.#arrived();
    device?.write(offset, size, value);
  }

  #arrived(): RegisterDevice | null {
    const made = this.#owner.wait();
    if (made !== null) this.#device = this.#find(made);
    return this.#device;
  }
}

export class LateFunction implements PciFunction, Suspendable {
  readonly config: RegisterDevice;
  readonly regions: readonly BarRegion[];
  readonly firmware: Readonly<Record<number, number>>;
  readonly #begin: () => Starting<VirtioPciFunction>;
  #starting: Starting<VirtioPciFunction> | null = null;
  #failed = false;

  /** `shape` is that of the device; `firmware` has the addresses of its BARs. */
  constructor(
    begin: () => Starting<VirtioPciFunction>,
    shape: LayoutOptions,
    firmware: Readonly<Record<number, number>>,
  ) {
    this.#begin = begin;
    this.firmware = firmware;
    this.config = new LateDevice(this, (made) => made.config);
    this.regions = functionRegionPlaces(shape).map((place) => {
      return { ...place, device: new LateDevice(this, (made) => regionOf(made, place)) };
    });
  }

  /** Idempotent. */
  begin(): Starting<VirtioPciFunction> {
    this.#starting ??= this.#begin();
    return this.#starting;
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
