/** A guest-physical address, port, or other unsigned 64-bit number: a safe integer or a bigint. */
export type Word64 = number | bigint;

/** The address spaces of a guest. */
export type Space = 'mmio' | 'pio';
