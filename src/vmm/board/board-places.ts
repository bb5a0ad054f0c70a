/** Where a board is: known to its machine without the board, which is on another thread. */
import type { PlacedDevice } from '../../ioregion/inline/register-bus.js';
import { STATE_PORT_BYTES } from '../../virtio/state/index.js';
import { ALL_PORTS, ECAM, PCI_MEMORY, PCI_MEMORY_64, type Range } from '../layout.js';

/** A part of the guest's address space. */
export interface BoardPlace extends PlacedDevice {
  readonly name: string;
}

/** Where the parts of every board are: known before there is one. */
export const BOARD_PLACES: readonly Omit<BoardPlace, 'device'>[] = [
  place('ports', 'pio', ALL_PORTS),
  place('ecam', 'mmio', ECAM),
  place('pci-memory', 'mmio', PCI_MEMORY),
  place('pci-memory-64', 'mmio', PCI_MEMORY_64),
];

function place(name: string, space: 'mmio' | 'pio', { start, end }: Range): Omit<BoardPlace, 'device'> {
  return { name, space, address: start, size: end - start };
}

/** Where the state of a board that is not on a vCPU's thread is: beyond what x86 can address. */
export const BOARD_STATE = { name: 'state', space: 'mmio', address: 2 ** 52, size: STATE_PORT_BYTES } as const;
