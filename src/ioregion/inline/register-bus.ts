/** Register devices in the vCPU's own Worker: an exit goes straight to the device, without a message. */
import type { ExitHandler, IoExit, MmioExit } from '../../kvm/index.js';
import { readAny, writeAny } from '../access.js';
import { AccessValue } from '../access-value.js';
import type { RegisterDevice } from '../register-device.js';

/** A device at an address. */
export interface PlacedDevice {
  readonly space: 'mmio' | 'pio';
  /** gpa or port of offset 0, below 2^53. */
  readonly address: number;
  /** Bytes. */
  readonly size: number;
  readonly device: RegisterDevice;
}

/** Two devices of one bus overlap. */
export class BusOverlapError extends TypeError {
  readonly code = 'ERR_IOREGION_BUS_OVERLAP';

  constructor(a: PlacedDevice, b: PlacedDevice) {
    super(`${a.space} 0x${a.address.toString(16)}+${a.size} overlaps 0x${b.address.toString(16)}+${b.size}`);
  }
}

class AddressSpace {
  readonly #places: readonly PlacedDevice[];
  /** Start and end of the place of the last access, as raw numbers: addresses beyond 2^31 stay unboxed. */
  readonly #lastRange = new Float64Array(2);
  #last: PlacedDevice | null = null;

  constructor(places: readonly PlacedDevice[]) {
    this.#places = [...places].sort((a, b) => a.address - b.address);
    this.#places.slice(1).forEach((place, index) => {
      const before = this.#places[index]!;
      if (before.address + before.size > place.address) throw new BusOverlapError(before, place);
    });
  }

  /** The device that takes the access whole; the one of the last access is tried first. */
  find(address: number, size: number): PlacedDevice | null {
    if (address >= this.#lastRange[0]! && address + size <= this.#lastRange[1]!) return this.#last;
    return this.#search(address, size);
  }

  #search(address: number, size: number): PlacedDevice | null {
    const places = this.#places;
    let low = 0;
    let high = places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (places[middle]!.address > address) high = middle;
      else low = middle + 1;
    }
    const place = places[low - 1];
    if (place === undefined || address + size > place.address + place.size) return null;
    this.#last = place;
    this.#lastRange[0] = place.address;
    this.#lastRange[1] = place.address + place.size;
    return place;
  }
}

const ALL_ONES = 0xffffffff;

/**
 * An exit handler over register devices. An access that no device takes, one of a size that is not 1, 2, 4 or 8, and
 * one that straddles the end of a device are left to the vCPU's owner. A device that throws reads as all ones.
 */
export class RegisterBus implements ExitHandler {
  /** Accesses whose device threw. */
  deviceErrors = 0;
  readonly #places: readonly PlacedDevice[];
  readonly #mmio: AddressSpace;
  readonly #pio: AddressSpace;
  readonly #value = new AccessValue();

  /** @throws BusOverlapError */
  constructor(places: readonly PlacedDevice[]) {
    this.#places = places;
    this.#mmio = new AddressSpace(places.filter((place) => place.space === 'mmio'));
    this.#pio = new AddressSpace(places.filter((place) => place.space === 'pio'));
  }

  /** Closes the devices, each once. @throws what the first of them that fails throws, after the others */
  async close(): Promise<void> {
    const devices = new Set(this.#places.map(({ device }) => device));
    const settled = await Promise.allSettled([...devices].map(async (device) => await device.close?.()));
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  mmio(exit: MmioExit): boolean {
    const { address, size } = exit;
    const place = this.#mmio.find(address, size);
    if (place === null || (size !== 1 && size !== 2 && size !== 4 && size !== 8)) return false;
    const value = this.#value;
    if (exit.isWrite) {
      value.set(exit.low, exit.high);
      this.#write(place, address, size);
      return true;
    }
    this.#read(place, address, size);
    exit.low = value.low;
    exit.high = value.high;
    return true;
  }

  io(exit: IoExit): boolean {
    const { port, size, count, isWrite } = exit;
    const place = this.#pio.find(port, size);
    if (place === null) return false;
    for (let index = 0; index < count; index++) {
      if (isWrite) {
        this.#value.set(exit.value(index), 0);
        this.#write(place, port, size);
      } else {
        this.#read(place, port, size);
        exit.setValue(this.#value.low, index);
      }
    }
    return true;
  }

  #read(place: PlacedDevice, address: number, size: number): void {
    try {
      readAny(place.device, address - place.address, size, this.#value);
    } catch {
      this.deviceErrors += 1;
      this.#value.setTruncated(size, ALL_ONES, ALL_ONES);
    }
  }

  #write(place: PlacedDevice, address: number, size: number): void {
    try {
      writeAny(place.device, address - place.address, size, this.#value);
    } catch {
      this.deviceErrors += 1;
    }
  }
}
