/** All ACPI tables of a machine, one after the other, with the RSDP in front. */
import type { GuestMemory } from '../../memory/index.js';
import { ECAM, LowMemory } from '../layout.js';
import { aml, bytesOf, little } from './aml.js';
import { dsdtTerms } from './dsdt.js';
import { fadt } from './fadt.js';
import { madt } from './madt.js';
import { table, withChecksum } from './table.js';

export interface AcpiOptions {
  readonly cpus: number;
  /** There is a serial port. */
  readonly serial: boolean;
}

const RSDP_BYTES = 36;
const RSDP_REVISION = 2;
const Checksum = { first: 8, firstBytes: 20, extended: 32 } as const;
const ALIGNMENT = 64;
const FACS_BYTES = 64;
const FACS_VERSION_AT = 32;

/** Writes the tables; returns the guest-physical address of the RSDP. */
export function loadAcpi(memory: GuestMemory, { cpus, serial }: AcpiOptions): number {
  let next = LowMemory.acpi + ALIGNMENT;
  const load = (bytes: Uint8Array): number => {
    const at = next;
    memory.load(at, bytes);
    next = Math.ceil((at + bytes.length) / ALIGNMENT) * ALIGNMENT;
    return at;
  };
  const dsdt = load(table('DSDT', 2, dsdtTerms(serial)));
  const tables = [fadt(dsdt, load(facs())), madt(cpus), mcfg()].map(load);
  const xsdt = load(table('XSDT', 1, tables.map((address) => little(address, 8)).join('')));
  memory.load(LowMemory.acpi, rsdp(xsdt));
  return LowMemory.acpi;
}

/** The root pointer (ACPI 6.5, 5.2.5.3), without an RSDT. */
function rsdp(xsdt: number): Uint8Array {
  const head = `RSD PTR ${aml(0)}IOREGN${aml(RSDP_REVISION)}${little(0, 4)}`;
  const bytes = bytesOf(head + little(RSDP_BYTES, 4) + little(xsdt, 8) + little(0, 4));
  withChecksum(bytes.subarray(0, Checksum.firstBytes), Checksum.first);
  return withChecksum(bytes, Checksum.extended);
}

/** The FACS has neither header nor checksum; without sleep states it says no more than its length and version. */
function facs(): Uint8Array {
  const all = new Uint8Array(FACS_BYTES);
  all.set(bytesOf(`FACS${little(FACS_BYTES, 4)}`));
  all[FACS_VERSION_AT] = 2;
  return all;
}

/** Where ECAM is (PCI Firmware 3.3, 4.1.2): segment 0, bus 0. */
function mcfg(): Uint8Array {
  const allocation = little(ECAM.start, 8) + little(0, 2) + aml(0, 0) + little(0, 4);
  return table('MCFG', 1, little(0, 8) + allocation);
}
