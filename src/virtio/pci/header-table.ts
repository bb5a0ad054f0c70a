/** The registers of a type 0 header (PCI 3.0, 6.1): 4 bytes each, accessed by any aligned width. */
import type { BitField, RegisterSpec } from '../../ioregion/device.js';
import { BAR_COUNT, BarType, CommandBit, INTERRUPT_PIN_A, PciHeader } from '../spec/pci-config-space.js';
import type { PciIdentity } from './identity.js';
import type { Bar } from './layout.js';

/** What every register of configuration space has in common. */
export const CONFIG_REGISTER = { width: 4, widths: [1, 2, 4] } as const;

const COMMAND_STATUS_BITS = [
  { bit: CommandBit.ioSpace, name: 'IO_SPACE', description: 'I/O BARs are decoded.' },
  { bit: CommandBit.memorySpace, name: 'MEMORY_SPACE', description: 'Memory BARs are decoded.' },
  { bit: CommandBit.busMaster, name: 'BUS_MASTER', description: 'Stored only: rings and interrupts work without it.' },
  { bit: CommandBit.interruptDisable, name: 'INTERRUPT_DISABLE', description: 'INTA# is not asserted.' },
  { bit: CommandBit.interruptStatus, name: 'INTERRUPT_STATUS', access: 'ro', description: 'ISR status is not zero.' },
  { bit: CommandBit.capabilitiesList, name: 'CAPABILITIES_LIST', access: 'ro', description: 'Always set.' },
] as const satisfies readonly BitField[];

const CACHE_LINE_BITS = [
  { bit: 0, width: 8, name: 'CACHE_LINE_SIZE', description: 'Stored only.' },
  { bit: 8, width: 8, name: 'LATENCY_TIMER', description: 'Stored only.' },
  { bit: 16, width: 16, name: 'HEADER_TYPE_BIST', access: 'ro', description: 'Type 0, one function, no self test.' },
] as const satisfies readonly BitField[];

const INTERRUPT_BITS = [
  { bit: 0, width: 8, name: 'INTERRUPT_LINE', description: 'Stored only.' },
  { bit: 8, width: 24, name: 'INTERRUPT_PIN', access: 'ro', description: '1 is INTA#, 0 no pin.' },
] as const satisfies readonly BitField[];

export interface HeaderOptions {
  readonly identity: PciIdentity;
  readonly bars: readonly Bar[];
  /** INTA# can be driven. */
  readonly hasPin: boolean;
  /** Offset of the first capability. */
  readonly capabilities: number;
}

export function headerRegisters({ identity, bars, hasPin, capabilities }: HeaderOptions) {
  return [
    {
      ...CONFIG_REGISTER,
      offset: PciHeader.id,
      name: 'ID',
      access: 'ro',
      reset: pair(identity.device, identity.vendor),
      description: 'Device ID, vendor ID.',
    },
    {
      ...CONFIG_REGISTER,
      offset: PciHeader.commandStatus,
      name: 'COMMAND_STATUS',
      access: 'rw',
      reset: 1 << CommandBit.capabilitiesList,
      bits: COMMAND_STATUS_BITS,
      description: 'Command and status.',
      onRead: 'with INTERRUPT_STATUS as it is now',
    },
    {
      ...CONFIG_REGISTER,
      offset: PciHeader.classRevision,
      name: 'CLASS_REVISION',
      access: 'ro',
      reset: identity.classCode * 2 ** 8 + identity.revision,
      description: 'Class code, revision ID.',
    },
    {
      ...CONFIG_REGISTER,
      offset: PciHeader.headerType,
      name: 'CACHE_LINE',
      access: 'rw',
      bits: CACHE_LINE_BITS,
      description: 'Cache line size, latency timer, header type, BIST.',
    },
    ...barRegisters(bars),
    {
      ...CONFIG_REGISTER,
      offset: PciHeader.subsystem,
      name: 'SUBSYSTEM',
      access: 'ro',
      reset: pair(identity.subsystem, identity.subsystemVendor),
      description: 'Subsystem ID, subsystem vendor ID.',
    },
    {
      ...CONFIG_REGISTER,
      offset: PciHeader.capabilities,
      name: 'CAPABILITIES_POINTER',
      access: 'ro',
      reset: capabilities,
      description: 'The first capability.',
    },
    {
      ...CONFIG_REGISTER,
      offset: PciHeader.interrupt,
      name: 'INTERRUPT',
      access: 'rw',
      reset: hasPin ? INTERRUPT_PIN_A << 8 : 0,
      bits: INTERRUPT_BITS,
      description: 'Interrupt line and pin.',
    },
  ] as const satisfies readonly RegisterSpec[];
}

/** `high` in the upper 16 bits. */
function pair(high: number, low: number): number {
  return high * 2 ** 16 + low;
}

/** The name of a base address register. */
export type BarName = 'BAR0' | 'BAR1' | 'BAR2' | 'BAR3' | 'BAR4' | 'BAR5';

export function barName(index: number): BarName {
  return `BAR${index}` as BarName;
}

function barRegisters(bars: readonly Bar[]) {
  return Array.from({ length: BAR_COUNT }, (_, index) => ({
    ...CONFIG_REGISTER,
    offset: PciHeader.bar0 + 4 * index,
    name: barName(index),
    access: 'rw' as const,
    ...barBits(bars, index),
  }));
}

/** What makes sizing work: only the bits of an address that is a multiple of the size can be written (PCI 3.0, 6.2.5.1). */
function barBits(bars: readonly Bar[], index: number): Pick<RegisterSpec, 'bits' | 'reset' | 'description'> {
  const bar = bars.find((one) => one.index === index);
  if (bar !== undefined) return { ...lowBits(bar), description: barText(bar) };
  const lower = bars.find((one) => one.wide && one.index === index - 1);
  if (lower !== undefined) return { description: `Upper half of BAR${lower.index}.` };
  return { bits: [], description: 'Not implemented.' };
}

function lowBits({ space, size, wide }: Bar): Pick<RegisterSpec, 'bits' | 'reset'> {
  const type = space === 'pio' ? BarType.io : wide ? BarType.memory64 : BarType.memory32;
  const bit = Math.log2(size);
  const typeBits = space === 'pio' ? 2 : 4;
  return {
    reset: type,
    bits: [
      { bit: 0, width: typeBits, name: 'TYPE', access: 'ro', description: 'Kind of BAR.' },
      { bit, width: 32 - bit, name: 'ADDRESS', description: 'A multiple of the size.' },
    ],
  };
}

function barText({ space, size, wide }: Bar): string {
  const kind = space === 'pio' ? 'I/O ports' : `${wide ? 64 : 32}-bit memory`;
  return `${kind}, ${size} bytes.`;
}
