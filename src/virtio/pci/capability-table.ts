/** The capabilities of a function as registers (PCI 3.0, 6.7; virtio 4.1.4): each at a place of its own, in a list. */
import type { BitField, RegisterSpec } from '../../ioregion/device.js';
import { PciCap, PciCapType } from '../spec/index.js';
import { CapabilityId } from '../spec/pci-config-space.js';
import { MsixCapability, MsixControlBit } from '../spec/pci-msix.js';
import { CONFIG_REGISTER } from './header-table.js';
import { type FunctionLayout, NOTIFY_MULTIPLIER, type WindowPlace } from './layout.js';

/** Offsets in configuration space. */
export const CapabilityOffset = {
  msix: 0x40,
  common: 0x50,
  notify: 0x60,
  isr: 0x74,
  device: 0x84,
  pciCfg: 0x94,
} as const;

type CapabilityName = keyof typeof CapabilityOffset;

/** Those a function has, in the order of the list. */
export function capabilityList({ msixTable, device }: FunctionLayout): CapabilityName[] {
  const all: CapabilityName[] = ['msix', 'common', 'notify', 'isr', 'device', 'pciCfg'];
  return all.filter((name) => (name !== 'msix' || msixTable !== null) && (name !== 'device' || device !== null));
}

/** The registers of all of them; `vectors` is the size of the MSI-X table. */
export function capabilityRegisters(layout: FunctionLayout, vectors: number) {
  const list = capabilityList(layout);
  const next = (name: CapabilityName): number => {
    const follower = list[list.indexOf(name) + 1];
    return follower === undefined ? 0 : CapabilityOffset[follower];
  };
  const { common, notify, isr, device, msixTable, pendingBits } = layout;
  const msix =
    msixTable === null || pendingBits === null ? [] : msixRegisters(next('msix'), vectors, msixTable, pendingBits);
  return [
    ...msix,
    ...virtioRegisters('COMMON', PciCapType.common, CapabilityOffset.common, next('common'), common),
    ...virtioRegisters('NOTIFY', PciCapType.notify, CapabilityOffset.notify, next('notify'), notify, 4),
    notifyMultiplier,
    ...virtioRegisters('ISR', PciCapType.isr, CapabilityOffset.isr, next('isr'), isr),
    ...(device === null
      ? []
      : virtioRegisters('DEVICE', PciCapType.device, CapabilityOffset.device, next('device'), device)),
    ...pciCfgRegisters,
  ] as const;
}

/** The first 4 bytes: ID, next, and two bytes that depend on the ID. */
function head(id: number, next: number, third: number, fourth: number): number {
  return id + next * 2 ** 8 + third * 2 ** 16 + fourth * 2 ** 24;
}

/** `struct virtio_pci_cap`; `extra` bytes follow it. */
function virtioRegisters(
  name: string,
  type: number,
  offset: number,
  next: number,
  window: WindowPlace,
  extra = 0,
): RegisterSpec[] {
  const register = (at: number, suffix: string, reset: number, description: string): RegisterSpec => {
    return { ...CONFIG_REGISTER, offset: offset + at, name: `${name}_${suffix}`, access: 'ro', reset, description };
  };
  return [
    register(0, 'CAP', head(CapabilityId.vendor, next, PciCap.size + extra, type), 'ID, next, length, cfg_type.'),
    register(PciCap.bar, 'BAR', window.bar, 'The BAR of the window.'),
    register(PciCap.offset, 'OFFSET', window.offset, 'Its offset there.'),
    register(PciCap.regionLength, 'LENGTH', window.size, 'Its length.'),
  ];
}

const notifyMultiplier = {
  ...CONFIG_REGISTER,
  offset: CapabilityOffset.notify + PciCap.size,
  name: 'NOTIFY_MULTIPLIER',
  access: 'ro',
  reset: NOTIFY_MULTIPLIER,
  description: 'Bytes from one doorbell to the next.',
} as const satisfies RegisterSpec;

const PCI_CFG_BAR_BITS = [{ bit: 0, width: 8, name: 'BAR', description: 'Which BAR.' }] as const satisfies BitField[];

/** The PCI configuration access capability (4.1.4.9): the last of the list. */
const pciCfgRegisters = [
  {
    ...CONFIG_REGISTER,
    offset: CapabilityOffset.pciCfg,
    name: 'PCI_CFG_CAP',
    access: 'ro',
    reset: head(CapabilityId.vendor, 0, PciCap.size + 4, PciCapType.pciCfg),
    description: 'ID, next, length, cfg_type.',
  },
  {
    ...CONFIG_REGISTER,
    offset: CapabilityOffset.pciCfg + PciCap.bar,
    name: 'PCI_CFG_BAR',
    access: 'rw',
    bits: PCI_CFG_BAR_BITS,
    description: 'Where accesses to PCI_CFG_DATA go.',
  },
  {
    ...CONFIG_REGISTER,
    offset: CapabilityOffset.pciCfg + PciCap.offset,
    name: 'PCI_CFG_OFFSET',
    access: 'rw',
    description: 'At which offset of the BAR.',
  },
  {
    ...CONFIG_REGISTER,
    offset: CapabilityOffset.pciCfg + PciCap.regionLength,
    name: 'PCI_CFG_LENGTH',
    access: 'rw',
    description: 'By which width: 1, 2 or 4.',
  },
  {
    ...CONFIG_REGISTER,
    offset: CapabilityOffset.pciCfg + PciCap.size,
    name: 'PCI_CFG_DATA',
    access: 'rw',
    description: 'The value.',
    onRead: 'reads the window',
    onWrite: 'writes the window',
  },
] as const satisfies readonly RegisterSpec[];

const MSIX_CONTROL_BITS = [
  { bit: 0, width: 16, name: 'ID_NEXT', access: 'ro', description: 'ID, next.' },
  { bit: MsixControlBit.tableSize, width: 11, name: 'TABLE_SIZE', access: 'ro', description: 'Vectors, less one.' },
  { bit: MsixControlBit.functionMask, name: 'FUNCTION_MASK', description: 'No message is sent.' },
  { bit: MsixControlBit.enable, name: 'ENABLE', description: 'Messages instead of INTA#.' },
] as const satisfies readonly BitField[];

function msixRegisters(next: number, vectors: number, table: WindowPlace, pendingBits: WindowPlace) {
  return [
    {
      ...CONFIG_REGISTER,
      offset: CapabilityOffset.msix + MsixCapability.control,
      name: 'MSIX_CONTROL',
      access: 'rw',
      reset: head(CapabilityId.msix, next, 0, 0) + (vectors - 1) * 2 ** MsixControlBit.tableSize,
      bits: MSIX_CONTROL_BITS,
      description: 'MSI-X: ID, next, message control.',
    },
    {
      ...CONFIG_REGISTER,
      offset: CapabilityOffset.msix + MsixCapability.table,
      name: 'MSIX_TABLE',
      access: 'ro',
      reset: table.offset + table.bar,
      description: 'Offset of the table, and its BAR in bits 2:0.',
    },
    {
      ...CONFIG_REGISTER,
      offset: CapabilityOffset.msix + MsixCapability.pendingBits,
      name: 'MSIX_PENDING',
      access: 'ro',
      reset: pendingBits.offset + pendingBits.bar,
      description: 'Offset of the pending bits, and their BAR in bits 2:0.',
    },
  ] as const satisfies readonly RegisterSpec[];
}
