/** A PCI bus with one function, in slot 3. */
import type { RegisterDevice } from '../../../src/ioregion/device.js';
import { closing } from '../../../src/vmm/board/closing.js';
import { CONFIG_PORTS, ConfigPorts, PciBus, type PciFunction } from '../../../src/vmm/pci/index.js';

const SLOT = 3;

/** The ports of configuration space, as a region. */
export const PORTS_REGION = {
  name: 'config-ports',
  space: 'pio',
  gpa: 0xcf8,
  size: CONFIG_PORTS,
  postedWrites: false,
} as const;

/** The port that resets the machine is among them. */
const NO_RESET: RegisterDevice = { read: () => 0xff, write: () => {} };

export interface Bus {
  readonly bus: PciBus;
  /** With them the function ends: nobody else does that, and its disk would stay locked. */
  readonly ports: RegisterDevice;
}

export function busOf(pciFunction: PciFunction): Bus {
  const bus = new PciBus();
  bus.plug(SLOT, pciFunction);
  return { bus, ports: closing(new ConfigPorts(bus, NO_RESET), bus) };
}
