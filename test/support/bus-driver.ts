/** A driver that has everything of a placed function from the PCI bus of a board. */
import type { RegisterDevice } from 'ioregion/ioregion';
import { PciDriver } from 'ioregion/testing';
import { functionRegionPlaces } from '../../src/virtio/pci/index.js';
import type { PciBus } from '../../src/vmm/pci/index.js';
import { SHAPE } from './placed-function.js';

export function busDriver(bus: PciBus, slot: number, bars: Readonly<Record<number, number>>): PciDriver {
  const memory = bus.window('mmio', 0);
  const regions = functionRegionPlaces(SHAPE).map((place) => {
    const at = bars[place.bar]! + place.offset;
    const device: RegisterDevice = {
      read: (offset, size) => memory.read(at + offset, size),
      write: (offset, size, value) => memory.write(at + offset, size, value),
    };
    return { ...place, device };
  });
  const config: RegisterDevice = {
    read: (offset, size) => bus.readConfig(slot, 0, offset, size),
    write: (offset, size, value) => bus.writeConfig(slot, 0, offset, size, value),
  };
  return new PciDriver({ config, regions });
}
