/** Which device a command is for: the user data of a region names it. */
import type { AsyncRegisterDevice } from '../register-device.js';

/** One entry for each region of an fd. */
export interface ServedRegion<Device extends AsyncRegisterDevice> {
  /** As given to the dispatcher. Default 0. */
  readonly userData?: number | bigint;
  readonly device: Device;
  /** Bytes added to the offset of each command (`RegionRoute.base`). Default 0. */
  readonly base?: number;
}

/** Finds the entry of a command without allocating; the last hit is tried first. */
export class DeviceMap<Device extends AsyncRegisterDevice> {
  readonly #lows: Uint32Array;
  readonly #highs: Uint32Array;
  readonly #devices: readonly Device[];
  readonly #bases: readonly number[];
  #last = 0;

  constructor(regions: readonly ServedRegion<Device>[]) {
    const userData = regions.map((region) => BigInt.asUintN(64, BigInt(region.userData ?? 0)));
    this.#lows = Uint32Array.from(userData, (value) => Number(value & 0xffffffffn));
    this.#highs = Uint32Array.from(userData, (value) => Number(value >> 32n));
    this.#devices = regions.map((region) => region.device);
    this.#bases = regions.map((region) => region.base ?? 0);
  }

  /** Index for `device` and `base`, or -1 where no region has this user data. */
  find(low: number, high: number): number {
    const last = this.#last;
    if (this.#lows[last] === low && this.#highs[last] === high) return last;
    for (let index = 0; index < this.#lows.length; index++) {
      if (this.#lows[index] === low && this.#highs[index] === high) {
        this.#last = index;
        return index;
      }
    }
    return -1;
  }

  device(index: number): Device {
    return this.#devices[index]!;
  }

  base(index: number): number {
    return this.#bases[index]!;
  }
}
