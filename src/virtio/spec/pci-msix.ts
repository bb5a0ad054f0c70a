/** MSI-X (PCI Local Bus Specification 3.0, 6.8.2). Offsets and sizes are in bytes. */

/** The capability (6.8.2.3 to 6.8.2.5). */
export const MsixCapability = { control: 0x00, table: 0x04, pendingBits: 0x08, size: 0x0c } as const;

/** Bits of its first 4 bytes, whose upper half is message control. */
export const MsixControlBit = { tableSize: 16, functionMask: 30, enable: 31 } as const;

/** An entry of the table (6.8.2.6 to 6.8.2.9). */
export const MsixEntry = { addressLow: 0, addressHigh: 4, data: 8, vectorControl: 12, size: 16 } as const;

/** Bit 0 of vector control: set after reset. */
export const VECTOR_MASKED = 1;

/** Entries a table has at most. */
export const MAX_MSIX_VECTORS = 2048;
