/** Configuration space of a function as a register table: header, capabilities, and what is reserved between them. */
import type { RegisterSpec, RegisterTable } from '../../ioregion/device.js';
import { CONFIG_SPACE_SIZE } from '../spec/pci-config-space.js';
import { CapabilityOffset, capabilityList, capabilityRegisters } from './capability-table.js';
import { CONFIG_REGISTER, headerRegisters } from './header-table.js';
import type { PciIdentity } from './identity.js';
import type { FunctionLayout } from './layout.js';

export interface ConfigTableOptions {
  readonly identity: PciIdentity;
  readonly layout: FunctionLayout;
  /** Vectors of the MSI-X table. */
  readonly vectors: number;
  /** INTA# can be driven. */
  readonly hasPin: boolean;
}

export function configTable({ identity, layout, vectors, hasPin }: ConfigTableOptions) {
  const capabilities = CapabilityOffset[capabilityList(layout)[0]!];
  const header = headerRegisters({ identity, bars: layout.bars, hasPin, capabilities });
  const registers = [...header, ...capabilityRegisters(layout, vectors)] as const;
  return {
    name: 'config',
    description: 'PCI configuration space.',
    size: CONFIG_SPACE_SIZE,
    registers: [...registers, ...reserved(registers)],
  } as const satisfies RegisterTable;
}

/** Reserved registers read as zero and take no writes (PCI 3.0, 6.1). */
function reserved(registers: readonly RegisterSpec[]): RegisterSpec[] {
  const taken = new Set(registers.map(({ offset }) => offset));
  const words = Array.from({ length: CONFIG_SPACE_SIZE / 4 }, (_, index) => 4 * index);
  const free = words.filter((offset) => !taken.has(offset));
  const starts = free.filter((offset) => !free.includes(offset - 4));
  return starts.map((offset) => ({
    ...CONFIG_REGISTER,
    offset,
    count: runLength(free, offset),
    name: `RESERVED_${offset.toString(16)}`,
    access: 'ro',
    description: 'Reserved.',
  }));
}

/** Registers in a row from `start` on that are all in `free`. */
function runLength(free: readonly number[], start: number): number {
  const from = free.indexOf(start);
  const gap = free.findIndex((offset, index) => index >= from && offset !== start + 4 * (index - from));
  return (gap === -1 ? free.length : gap) - from;
}
