/** The PCI configuration access capability (4.1.4.9): windows reached through configuration space, for early firmware. */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { Refusals } from '../transport/index.js';
import type { WindowPlace } from './layout.js';

/** A window that a virtio capability describes; no other part of a BAR can be reached this way. */
export interface CapabilityWindow extends WindowPlace {
  readonly device: RegisterDevice;
}

/** Where the capability points, as its registers say: any value a driver has written. */
export interface PciCfgTarget {
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
}

const ALL_ONES = 0xffffffff;
const LENGTHS: readonly number[] = [1, 2, 4];

export class PciCfgAccess {
  readonly #windows: readonly CapabilityWindow[];
  readonly #refusals: Refusals;

  constructor(windows: readonly CapabilityWindow[], refusals: Refusals) {
    this.#windows = windows;
    this.#refusals = refusals;
  }

  /** What PCI_CFG_DATA reads as: the low `length` bytes are those of the window. */
  read(target: PciCfgTarget): number {
    const window = this.#find(target);
    return window === null ? ALL_ONES : window.device.read(target.offset - window.offset, target.length);
  }

  /** Writes the low `length` bytes of `data`. */
  write(target: PciCfgTarget, data: number): void {
    const window = this.#find(target);
    const mask = 2 ** (8 * target.length) - 1;
    window?.device.write(target.offset - window.offset, target.length, (data & mask) >>> 0);
  }

  /** Aligned, and wholly inside one window. All three are unsigned 32-bit numbers: no sum of them loses bits. */
  #find({ bar, offset, length }: PciCfgTarget): CapabilityWindow | null {
    const aligned = LENGTHS.includes(length) && offset % length === 0;
    const holds = (window: CapabilityWindow) =>
      window.bar === bar && offset >= window.offset && offset + length <= window.offset + window.size;
    const window = aligned ? this.#windows.find(holds) : undefined;
    if (window === undefined) this.#refusals.pciCfg += 1;
    return window ?? null;
  }
}
