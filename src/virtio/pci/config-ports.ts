/** PCI configuration mechanism #1 (PCI 3.0, 3.2.2.3.2): the ports through which a driver reaches configuration space. */
import type { RegisterDevice } from '../../ioregion/device.js';

/** CONFIG_ADDRESS at port 0xcf8, CONFIG_DATA at 0xcfc. */
export const CONFIG_PORTS = { space: 'pio', address: 0xcf8, size: 8 } as const;

const DATA = 4;
const ENABLE = 0x8000_0000;
const ALL_ONES = 0xffffffff;

/**
 * Functions of bus 0, by device number; each is its device's function 0. Where there is none, reads are all ones. Bytes and
 * words of the address register are not for PCI.
 */
export class ConfigPorts implements RegisterDevice {
  readonly #functions: ReadonlyMap<number, RegisterDevice>;
  #address = 0;

  constructor(functions: ReadonlyMap<number, RegisterDevice>) {
    this.#functions = functions;
  }

  read(offset: number, size: number): number {
    if (offset >= DATA) return this.#selected()?.read(this.#register(offset), size) ?? ALL_ONES;
    return offset === 0 && size === DATA ? this.#address : ALL_ONES;
  }

  write(offset: number, size: number, value: number): void {
    if (offset >= DATA) this.#selected()?.write(this.#register(offset), size, value);
    else if (offset === 0 && size === DATA) this.#address = (value & ~3) >>> 0;
  }

  /** Bus, device and function are bits 16 to 23, 11 to 15 and 8 to 10. */
  #selected(): RegisterDevice | undefined {
    const address = this.#address;
    if (address < ENABLE || (address & 0xff_0700) !== 0) return undefined;
    return this.#functions.get((address >>> 11) & 0x1f);
  }

  #register(offset: number): number {
    return (this.#address & 0xfc) + offset - DATA;
  }
}
