/** ISR status (4.1.4.5). */
import { RegisterBlock, type RegisterBlockDevice, type RegisterTable } from '../../ioregion/device.js';
import type { InterruptController } from '../interrupt/index.js';

export const isrTable = {
  name: 'isr',
  description: 'ISR status of a virtio device (4.1.4.5). For drivers without MSI-X.',
  size: 1,
  registers: [
    {
      offset: 0,
      width: 1,
      name: 'ISR_STATUS',
      access: 'ro',
      bits: [
        { bit: 0, name: 'QUEUE', description: 'A used buffer notification.' },
        { bit: 1, name: 'CONFIG', description: 'A configuration change notification.' },
      ],
      description: 'Why INTA# is asserted.',
      onRead: 'clears it and releases INTA#',
    },
  ],
} as const satisfies RegisterTable;

export function createIsrWindow(interrupts: InterruptController): RegisterBlockDevice<typeof isrTable> {
  return new RegisterBlock(isrTable).create({ onRead: { ISR_STATUS: () => interrupts.takeIsr() } });
}
