/** Where everything lies in the guest-physical address space and among its ports. Addresses in bytes. */

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** A range of guest-physical addresses or ports: [start, end). */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What the loaders write into the first MiB. Nothing of it is needed once the kernel has its own tables. */
export const LowMemory = {
  gdt: 0x1000,
  startInfo: 0x6000,
  bootParams: 0x7000,
  pageTables: 0x9000,
  commandLine: 0x2_0000,
  /** The end of what the memory map calls usable below 1 MiB: where a BIOS has its extended data area. */
  end: 0x9_fc00,
  /** Where operating systems look for the RSDP, and the other ACPI tables are: 128 KiB. */
  acpi: 0xe_0000,
  acpiEnd: 0x10_0000,
} as const;

/** Bytes of command line, with the final zero, that fit. */
export const COMMAND_LINE_ROOM = 0x8000;

/** The first byte above what PCs keep for legacy devices. */
export const HIGH_MEMORY = MIB;

/** Memory below this address, and from 4 GiB on. */
export const LOW_MEMORY_LIMIT = 3 * GIB;
export const ABOVE_4G = 4 * GIB;

/** Configuration space of PCI bus 0 as memory (ECAM): 32 devices of 8 functions of 4 KiB. */
export const ECAM: Range = { start: 0xe000_0000, end: 0xe010_0000 };
/** Where memory BARs may be. */
export const PCI_MEMORY: Range = { start: LOW_MEMORY_LIMIT, end: ECAM.start };
/** 64-bit memory BARs may also be here: below the 2^40 bytes that the smallest of today's CPUs addresses. */
export const PCI_MEMORY_64: Range = { start: 0x80_0000_0000, end: 0xc0_0000_0000 };
/** Where I/O BARs may be. */
export const PCI_PORTS: Range = { start: 0x1000, end: 0x1_0000 };
/** All ports of the guest. */
export const ALL_PORTS: Range = { start: 0, end: 0x1_0000 };

export const IOAPIC_ADDRESS = 0xfec0_0000;
export const LAPIC_ADDRESS = 0xfee0_0000;
/** Four pages that Intel hosts need for real mode: one of page tables, three for a TSS. */
export const IDENTITY_MAP_ADDRESS = 0xfffb_c000;
export const TSS_ADDRESS = 0xfffb_d000;

/** GSIs. */
export const Gsi = { serial: 4, rtc: 8, sci: 9, firstPci: 16, pciCount: 8 } as const;

/** First ports of the devices on the board. */
export const Port = {
  cmos: 0x70,
  keyboardData: 0x60,
  keyboard: 0x64,
  debugExit: 0xf4,
  serial: 0x3f8,
  pciAddress: 0xcf8,
  reset: 0xcf9,
  pciData: 0xcfc,
  powerManagement: 0x600,
  hotplug: 0x620,
} as const;
