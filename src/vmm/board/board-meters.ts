/** What is counted of a board. */
import { createMeters, type SharedMeters } from '../metrics/region-meters.js';
import { PCI_SLOTS } from '../pci/pci-slots.js';
import { BOARD_PLACES } from './board-places.js';

/** Accesses to the BARs of a slot are counted apart: the name of its meter. */
export const slotMeter = (slot: number): string => `pci slot ${slot}`;

/** What is counted and timed: the devices behind the ports, configuration space, and the BARs of each slot. */
export const METERED = [
  'serial',
  'pci-config',
  'power-management',
  'cmos',
  'keyboard-controller',
  'debug-exit',
  'pci-hotplug',
  'pci-ecam',
] as const;

export const createBoardMeters = (): SharedMeters => {
  const slots = Array.from({ length: PCI_SLOTS - 1 }, (_, index) => slotMeter(index + 1));
  return createMeters([...BOARD_PLACES.map(({ name }) => name), ...METERED, ...slots]);
};
