/** Configuration space of bus 0 as memory (PCI Express 5.0, 7.2.2): 4 KiB a function, of which 256 bytes are there. */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { PciBus } from './pci-bus.js';

const slotOf = (offset: number): number => (offset >>> 15) & 0x1f;
const functionOf = (offset: number): number => (offset >>> 12) & 7;
const registerOf = (offset: number): number => offset & 0xfff;

export class Ecam implements RegisterDevice {
  readonly #bus: PciBus;

  constructor(bus: PciBus) {
    this.#bus = bus;
  }

  read(offset: number, size: number): number {
    return this.#bus.readConfig(slotOf(offset), functionOf(offset), registerOf(offset), size);
  }

  write(offset: number, size: number, value: number): void {
    this.#bus.writeConfig(slotOf(offset), functionOf(offset), registerOf(offset), size, value);
  }
}
