/** PCI bus 0: functions in slots, their configuration spaces, and which of them takes an access to a BAR. */
import type { RegisterDevice } from '../../ioregion/device.js';
import { CONFIG_SPACE_SIZE } from '../../virtio/spec/pci-config-space.js';
import { affectsDecoding, type DecodedRegion, decodedRegions, firmwareRegions } from './decoded-bars.js';
import { hostBridge } from './host-bridge.js';
import type { PciFunction } from './pci-function.js';
import { PCI_SLOTS } from './pci-slots.js';

const ALL_ONES = 0xffffffff;

/** A window of the guest's address space that the bus answers in. Accesses that no BAR takes read as all ones. */
class PciWindow implements RegisterDevice {
  readonly #bus: PciBus;
  readonly #space: 'mmio' | 'pio';
  readonly #base: number;

  constructor(bus: PciBus, space: 'mmio' | 'pio', base: number) {
    this.#bus = bus;
    this.#space = space;
    this.#base = base;
  }

  read(offset: number, size: number): number {
    const found = this.#bus.find(this.#space, this.#base + offset, size);
    if (found === null) return ALL_ONES;
    return found.region.device.read(this.#base + offset - found.start, size);
  }

  write(offset: number, size: number, value: number): void {
    const found = this.#bus.find(this.#space, this.#base + offset, size);
    found?.region.device.write(this.#base + offset - found.start, size, value);
  }
}

export class PciBus {
  /** Accesses to a window that no BAR took whole. */
  unclaimed = 0;
  readonly #functions = new Map<number, PciFunction>([[0, hostBridge()]]);
  readonly #decodedOf = new Map<number, readonly DecodedRegion[]>();
  #decoded: readonly DecodedRegion[] = [];

  /** Puts a function into a slot that is free. */
  plug(slot: number, pciFunction: PciFunction): void {
    if (slot <= 0 || slot >= PCI_SLOTS || this.#functions.has(slot))
      throw new RangeError(`PCI slot ${slot} is not free`);
    this.#functions.set(slot, pciFunction);
    const { firmware, regions } = pciFunction;
    const placed = firmware === undefined ? decodedRegions(pciFunction) : firmwareRegions(regions, firmware);
    this.#decodedOf.set(slot, placed);
    this.#collect();
  }

  has(slot: number): boolean {
    return this.#functions.has(slot);
  }

  /** Takes the function out of a slot: nothing of it is decoded from then on. Null where there is none that can be taken out. */
  unplug(slot: number): PciFunction | null {
    const pciFunction = this.#functions.get(slot);
    if (slot === 0 || pciFunction === undefined) return null;
    this.#functions.delete(slot);
    this.#decodedOf.delete(slot);
    this.#decode(slot);
    return pciFunction;
  }

  /** Finds again where all BARs are: of functions that have been restored. */
  decode(): void {
    for (const slot of this.#functions.keys()) this.#decode(slot);
  }

  /** Ends the functions of this thread. */
  async close(): Promise<void> {
    await Promise.all([...this.#functions.values()].map((pciFunction) => pciFunction.close?.()));
  }

  /** The bus as seen in [base, …) of a space. */
  window(space: 'mmio' | 'pio', base: number): RegisterDevice {
    return new PciWindow(this, space, base);
  }

  /** All ones where there is no such function or register. Devices have one function each. */
  readConfig(slot: number, fn: number, register: number, size: number): number {
    const found = fn === 0 ? this.#functions.get(slot) : undefined;
    if (found === undefined || register + size > CONFIG_SPACE_SIZE) return ALL_ONES;
    return found.config.read(register, size);
  }

  writeConfig(slot: number, fn: number, register: number, size: number, value: number): void {
    const found = fn === 0 ? this.#functions.get(slot) : undefined;
    if (found === undefined || register + size > CONFIG_SPACE_SIZE) return;
    found.config.write(register, size, value);
    if (affectsDecoding(register)) this.#decode(slot);
  }

  /** The decoded region that holds all of an access; of several the one in the lowest slot. */
  find(space: 'mmio' | 'pio', address: number, size: number): DecodedRegion | null {
    for (const decoded of this.#decoded) {
      if (address < decoded.start || address + size > decoded.end || decoded.region.space !== space) continue;
      return decoded;
    }
    this.unclaimed += 1;
    return null;
  }

  #decode(slot: number): void {
    const pciFunction = this.#functions.get(slot);
    if (pciFunction !== undefined) this.#decodedOf.set(slot, decodedRegions(pciFunction));
    this.#collect();
  }

  #collect(): void {
    this.#decoded = [...this.#decodedOf.keys()].sort((a, b) => a - b).flatMap((key) => this.#decodedOf.get(key)!);
  }
}
