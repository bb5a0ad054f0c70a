/** PCI configuration space, type 0 (PCI Local Bus Specification 3.0, chapter 6). Offsets and sizes are in bytes. */

/** Bytes of configuration space, as conventional PCI reaches it. */
export const CONFIG_SPACE_SIZE = 256;

/** The header (6.1); registers are listed by the 4 bytes they lie in. */
export const PciHeader = {
  id: 0x00,
  commandStatus: 0x04,
  classRevision: 0x08,
  headerType: 0x0c,
  bar0: 0x10,
  subsystem: 0x2c,
  capabilities: 0x34,
  interrupt: 0x3c,
  size: 0x40,
} as const;

/** Base address registers of a type 0 header (6.2.5). */
export const BAR_COUNT = 6;

/** Bits of the command register (6.2.2) and, from 16 on, of the status register (6.2.3). */
export const CommandBit = {
  ioSpace: 0,
  memorySpace: 1,
  busMaster: 2,
  interruptDisable: 10,
  interruptStatus: 19,
  capabilitiesList: 20,
} as const;

/** Low bits of a base address register (6.2.5.1). */
export const BarType = { io: 1, memory32: 0, memory64: 4, prefetchable: 8 } as const;

/** Capability IDs (Appendix H). */
export const CapabilityId = { vendor: 0x09, msix: 0x11 } as const;

/** INTA# in the interrupt pin register (6.2.4); 0 is no pin. */
export const INTERRUPT_PIN_A = 1;
