/** The MADT (ACPI 6.5, 5.2.12): local APICs, the IOAPIC, and which ISA interrupts are unlike the others. */
import { Gsi, IOAPIC_ADDRESS, LAPIC_ADDRESS } from '../layout.js';
import { type Aml, aml, little } from './aml.js';
import { table } from './table.js';

const REVISION = 5;
/** There are two 8259 as well. */
const PCAT_COMPAT = 1;
const ENABLED = 1;
const Type = { localApic: 0, ioApic: 1, override: 2, nmi: 4 } as const;
const ACTIVE_HIGH_LEVEL = 0x0d;
const ALL_PROCESSORS = 0xff;
const IOAPIC_ID = 0;

/** With as many enabled processors, whose APIC IDs count from 0. */
export function madt(cpus: number): Uint8Array {
  const locals = Array.from({ length: cpus }, (_, id) => entry(Type.localApic, aml(id, id) + little(ENABLED, 4)));
  const ioApic = entry(Type.ioApic, aml(IOAPIC_ID, 0) + little(IOAPIC_ADDRESS, 4) + little(0, 4));
  const sci = entry(Type.override, aml(0, Gsi.sci) + little(Gsi.sci, 4) + little(ACTIVE_HIGH_LEVEL, 2));
  const nmi = entry(Type.nmi, aml(ALL_PROCESSORS) + little(0, 2) + aml(1));
  const head = little(LAPIC_ADDRESS, 4) + little(PCAT_COMPAT, 4);
  return table('APIC', REVISION, head + locals.join('') + ioApic + sci + nmi);
}

function entry(type: number, body: Aml): Aml {
  return aml(type, body.length + 2) + body;
}
