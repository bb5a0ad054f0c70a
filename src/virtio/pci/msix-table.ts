/** The MSI-X table and the pending bits (PCI 3.0, 6.8.2): both take accesses of 4 and 8 bytes that are aligned. */
import { RegisterBlock, type RegisterBlockDevice, type RegisterTable } from '../../ioregion/device.js';
import type { InterruptController } from '../interrupt/index.js';
import { MsixEntry, VECTOR_MASKED } from '../spec/pci-msix.js';

/** The rest of a message address must be aligned to 4 bytes. */
const ADDRESS_BITS = [{ bit: 2, width: 30, name: 'ADDRESS', description: 'Bits 31:2.' }] as const;
const CONTROL_BITS = [{ bit: 0, name: 'MASKED', description: 'The message is not sent but pending.' }] as const;

export function msixTable(vectors: number) {
  const entry = { width: 4, count: vectors, stride: MsixEntry.size, access: 'rw' } as const;
  return {
    name: 'msix_table',
    description: 'MSI-X table: one entry per vector (PCI 3.0, 6.8.2).',
    size: vectors * MsixEntry.size,
    registers: [
      {
        ...entry,
        offset: MsixEntry.addressLow,
        name: 'ADDRESS_LOW',
        bits: ADDRESS_BITS,
        description: 'Where the message is written.',
        onWrite: 'takes effect at once',
      },
      {
        ...entry,
        offset: MsixEntry.addressHigh,
        name: 'ADDRESS_HIGH',
        description: 'Upper half of the address.',
        onWrite: 'takes effect at once',
      },
      {
        ...entry,
        offset: MsixEntry.data,
        name: 'DATA',
        description: 'What is written.',
        onWrite: 'takes effect at once',
      },
      {
        ...entry,
        offset: MsixEntry.vectorControl,
        name: 'VECTOR_CONTROL',
        reset: VECTOR_MASKED,
        bits: CONTROL_BITS,
        description: 'Mask of the vector.',
        onWrite: 'unmasking sends the message that is pending',
      },
    ],
  } as const satisfies RegisterTable;
}

export type MsixTableDevice = RegisterBlockDevice<ReturnType<typeof msixTable>>;

export function createMsixTable(vectors: number, interrupts: InterruptController): MsixTableDevice {
  return new RegisterBlock(msixTable(vectors)).create({
    onWrite: {
      ADDRESS_LOW: (value, vector) => interrupts.setVector(vector, 'addressLow', value),
      ADDRESS_HIGH: (value, vector) => interrupts.setVector(vector, 'addressHigh', value),
      DATA: (value, vector) => interrupts.setVector(vector, 'data', value),
      VECTOR_CONTROL: (value, vector) => interrupts.setVector(vector, 'control', value),
    },
  });
}

const PENDING_BITS = 32;

export function pendingBitsTable(vectors: number) {
  const words = 2 * Math.ceil(vectors / (2 * PENDING_BITS));
  return {
    name: 'msix_pending',
    description: 'MSI-X pending bits: bit v is set while the message of vector v waits for a mask to go.',
    size: 4 * words,
    registers: [
      {
        offset: 0,
        width: 4,
        count: words,
        name: 'PENDING',
        access: 'ro',
        description: '32 vectors.',
        onRead: 'the bits',
      },
    ],
  } as const satisfies RegisterTable;
}

export function createPendingBits(
  vectors: number,
  interrupts: InterruptController,
): RegisterBlockDevice<ReturnType<typeof pendingBitsTable>> {
  const pendingBits = (_stored: number, word: number): number => {
    let bits = 0;
    for (let bit = 0; bit < PENDING_BITS; bit++) {
      const vector = word * PENDING_BITS + bit;
      if (vector < vectors && interrupts.pending(vector)) bits |= 1 << bit;
    }
    return bits >>> 0;
  };
  return new RegisterBlock(pendingBitsTable(vectors)).create({ onRead: { PENDING: pendingBits } });
}
