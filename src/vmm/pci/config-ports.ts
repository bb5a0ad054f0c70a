/** Configuration mechanism #1 (PCI 3.0, 3.2.2.3.2): an address port and a data port, and the reset control among them. */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { SavedFields } from '../../virtio/state/index.js';
import type { PciBus } from './pci-bus.js';

/** From the first port, 0xcf8. */
export const CONFIG_PORTS = 8;
const Offset = { address: 0, reset: 1, data: 4 } as const;

const ENABLE = 0x8000_0000;
const ADDRESS_BITS = 0x80ff_fffc;
const ALL_ONES = 0xffffffff;

export class ConfigPorts implements RegisterDevice {
  readonly #bus: PciBus;
  readonly #reset: RegisterDevice;
  #address = 0;

  /** `reset` is the register at port 0xcf9. */
  constructor(bus: PciBus, reset: RegisterDevice) {
    this.#bus = bus;
    this.#reset = reset;
  }

  /** Without the reset control. */
  save(): unknown {
    return { address: this.#address };
  }

  /** @throws SavedStateError */
  restore(saved: SavedFields): void {
    this.#address = (saved.integer('address', 0xffff_ffff) & ADDRESS_BITS) >>> 0;
  }

  read(offset: number, size: number): number {
    if (offset === Offset.address && size === 4) return this.#address;
    if (offset === Offset.reset && size === 1) return this.#reset.read(0, size);
    if (offset < Offset.data || !this.#enabled) return ALL_ONES;
    return this.#bus.readConfig(this.#slot, this.#function, this.#register + offset - Offset.data, size);
  }

  write(offset: number, size: number, value: number): void {
    if (offset === Offset.address && size === 4) this.#address = (value & ADDRESS_BITS) >>> 0;
    else if (offset === Offset.reset && size === 1) this.#reset.write(0, size, value);
    else if (offset >= Offset.data && this.#enabled) {
      const register = this.#register + offset - Offset.data;
      this.#bus.writeConfig(this.#slot, this.#function, register, size, value);
    }
  }

  /** There is bus 0 only. */
  get #enabled(): boolean {
    return (this.#address & ENABLE) !== 0 && ((this.#address >>> 16) & 0xff) === 0;
  }

  get #slot(): number {
    return (this.#address >>> 11) & 0x1f;
  }

  get #function(): number {
    return (this.#address >>> 8) & 7;
  }

  get #register(): number {
    return this.#address & 0xfc;
  }
}
