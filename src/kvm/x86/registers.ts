/** Bits of the x86 control and flags registers that the boot helpers set. */
export const Cr0 = { PE: 1n, MP: 1n << 1n, ET: 1n << 4n, NE: 1n << 5n, WP: 1n << 16n, PG: 1n << 31n } as const;
export const Cr4 = { PAE: 1n << 5n, OSFXSR: 1n << 9n, OSXMMEXCPT: 1n << 10n } as const;
export const Efer = { LME: 1n << 8n, LMA: 1n << 10n } as const;
/** Bit 1 of RFLAGS is always set. */
export const Rflags = { fixed: 2n, IF: 1n << 9n, IOPL3: 3n << 12n } as const;
