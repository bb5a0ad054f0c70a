/** The registers of a function as a driver reaches them: found through configuration space, by the widths of the specification. */
import {
  CommonCfg,
  DeviceStatus,
  Feature,
  PciCap,
  PciCapType,
  type PciRegion,
  type VirtioPciFunction,
} from '../../virtio/index.js';
import { CapabilityId, PciHeader } from '../../virtio/spec/pci-config-space.js';
import { MsixEntry } from '../../virtio/spec/pci-msix.js';

const { acknowledge, driver, featuresOk, driverOk } = DeviceStatus;

/** A function, or what stands for one on this side of a dispatcher. */
export type Registers = Pick<VirtioPciFunction, 'config' | 'regions'>;

interface Place {
  bar: number;
  offset: number;
  length: number;
}

export class PciDriver {
  readonly function: Registers;
  readonly common: Place;
  readonly notify: Place;
  readonly isr: Place;
  readonly device: Place | undefined;
  readonly pciCfg: number;
  readonly msix: number | undefined;

  constructor(pciFunction: Registers) {
    this.function = pciFunction;
    const found = this.capabilities();
    const place = (type: number) => found.find((one) => one.type === type)?.place;
    this.common = place(PciCapType.common)!;
    this.notify = place(PciCapType.notify)!;
    this.isr = place(PciCapType.isr)!;
    this.device = place(PciCapType.device);
    this.pciCfg = found.find((one) => one.type === PciCapType.pciCfg)!.at;
    this.msix = found.find((one) => one.id === CapabilityId.msix)?.at;
  }

  /** The capability list, followed by its pointers. */
  capabilities(): { id: number; at: number; type: number; place: Place }[] {
    const list = [];
    let at = this.config(PciHeader.capabilities, 1);
    while (at !== 0 && list.length < 48) {
      const place = {
        bar: this.config(at + PciCap.bar, 1),
        offset: this.config(at + 8, 4),
        length: this.config(at + 12, 4),
      };
      list.push({ id: this.config(at, 1), at, type: this.config(at + PciCap.cfgType, 1), place });
      at = this.config(at + PciCap.next, 1);
    }
    return list;
  }

  config(offset: number, size: number): number {
    return (this.function.config.read(offset, size) & (2 ** (8 * size) - 1)) >>> 0;
  }

  writeConfig(offset: number, size: number, value: number): void {
    this.function.config.write(offset, size, value);
  }

  read(bar: number, offset: number, size: number): number {
    const region = this.#region(bar, offset);
    const value = region.device.read(offset - region.offset, size);
    return size === 4 ? value >>> 0 : (value & (2 ** (8 * size) - 1)) >>> 0;
  }

  write(bar: number, offset: number, size: number, value: number): void {
    const region = this.#region(bar, offset);
    region.device.write(offset - region.offset, size, value);
  }

  get16(offset: number): number {
    return this.read(this.common.bar, this.common.offset + offset, 2);
  }

  set16(offset: number, value: number): void {
    this.write(this.common.bar, this.common.offset + offset, 2, value);
  }

  get32(offset: number): number {
    return this.read(this.common.bar, this.common.offset + offset, 4);
  }

  set32(offset: number, value: number): void {
    this.write(this.common.bar, this.common.offset + offset, 4, value);
  }

  get status(): number {
    return this.read(this.common.bar, this.common.offset + CommonCfg.deviceStatus, 1);
  }

  set status(status: number) {
    this.write(this.common.bar, this.common.offset + CommonCfg.deviceStatus, 1, status);
  }

  get generation(): number {
    return this.read(this.common.bar, this.common.offset + CommonCfg.configGeneration, 1);
  }

  get offered(): bigint {
    return [0, 1, 2, 3].reduce((bits, window) => {
      this.set32(CommonCfg.deviceFeatureSelect, window);
      return bits | (BigInt(this.get32(CommonCfg.deviceFeature)) << BigInt(32 * window));
    }, 0n);
  }

  accept(features: bigint): void {
    for (const window of [0, 1, 2, 3]) {
      this.set32(CommonCfg.driverFeatureSelect, window);
      this.set32(CommonCfg.driverFeature, Number((features >> BigInt(32 * window)) & 0xffffffffn));
    }
  }

  /** Steps 1 to 6 of 3.1.1. True where the device agrees. */
  negotiate(features: bigint = Feature.version1): boolean {
    this.status = 0;
    this.status = acknowledge;
    this.status = acknowledge | driver;
    this.accept(features);
    this.status = acknowledge | driver | featuresOk;
    return (this.status & featuresOk) !== 0;
  }

  /** The areas that `setUpQueue` gives to a queue: 0x4000 bytes from 0x10000 on for each. */
  areasOf(queue: number): bigint[] {
    return [0x10000, 0x11000, 0x12000].map((gpa) => BigInt(gpa + 0x4000 * queue));
  }

  /** Gives the queue its areas and enables it. */
  setUpQueue(queue: number, size?: number): void {
    this.enableQueue(queue, size, this.areasOf(queue));
  }

  /** The same with areas anywhere: descriptors, driver and device area. */
  enableQueue(queue: number, size: number | undefined, areas: readonly bigint[], vector?: number): void {
    this.set16(CommonCfg.queueSelect, queue);
    if (size !== undefined) this.set16(CommonCfg.queueSize, size);
    if (vector !== undefined) this.set16(CommonCfg.queueMsixVector, vector);
    for (const [area, offset] of [CommonCfg.queueDesc, CommonCfg.queueDriver, CommonCfg.queueDevice].entries()) {
      this.set32(offset, Number(BigInt.asUintN(32, areas[area]!)));
      this.set32(offset + 4, Number(areas[area]! >> 32n));
    }
    this.set16(CommonCfg.queueEnable, 1);
  }

  ready(): void {
    this.status = acknowledge | driver | featuresOk | driverOk;
  }

  /** Everything, for all queues. */
  start(features: bigint = Feature.version1): void {
    this.negotiate(features);
    const queues = this.get16(CommonCfg.numQueues);
    for (let queue = 0; queue < queues; queue++) this.setUpQueue(queue);
    this.ready();
  }

  kick(queue: number, size = 2, value = queue): void {
    this.write(this.notify.bar, this.notify.offset + 4 * queue, size, value);
  }

  readIsr(): number {
    return this.read(this.isr.bar, this.isr.offset, 1);
  }

  enableMsix({ functionMask = false, enable = true } = {}): void {
    const at = this.msix! + 2;
    const control = this.config(at, 2) & 0x3fff;
    this.writeConfig(at, 2, control | (enable ? 0x8000 : 0) | (functionMask ? 0x4000 : 0));
  }

  /** Where the table and the pending bits are. */
  get msixPlaces(): { table: Place; pending: Place } {
    const [table, pending] = [4, 8].map((at) => this.config(this.msix! + at, 4));
    const place = (word: number) => ({ bar: word & 7, offset: word & ~7, length: 0 });
    return { table: place(table!), pending: place(pending!) };
  }

  setVector(vector: number, { address = 0xfee00000n, data = 0x40 + vector, masked = false } = {}): void {
    const { table } = this.msixPlaces;
    const at = table.offset + MsixEntry.size * vector;
    this.write(table.bar, at + MsixEntry.addressLow, 4, Number(address & 0xffffffffn));
    this.write(table.bar, at + MsixEntry.addressHigh, 4, Number(address >> 32n));
    this.write(table.bar, at + MsixEntry.data, 4, data);
    this.write(table.bar, at + MsixEntry.vectorControl, 4, masked ? 1 : 0);
  }

  mask(vector: number, masked: boolean): void {
    const { table } = this.msixPlaces;
    this.write(table.bar, table.offset + MsixEntry.size * vector + MsixEntry.vectorControl, 4, masked ? 1 : 0);
  }

  get pending(): number {
    const { pending } = this.msixPlaces;
    return this.read(pending.bar, pending.offset, 4);
  }

  #region(bar: number, offset: number): PciRegion {
    const found = this.function.regions.find(
      (one) => one.bar === bar && offset >= one.offset && offset < one.offset + one.size,
    );
    if (found === undefined) throw new Error(`nothing at BAR ${bar} + 0x${offset.toString(16)}`);
    return found;
  }
}
