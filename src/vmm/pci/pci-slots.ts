/** Device numbers of a bus. The host bridge is 0. */
export const PCI_SLOTS = 32;
