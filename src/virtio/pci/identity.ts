/** How a virtio device presents itself on the PCI bus (4.1.2). */
import { DeviceType, MODERN_PCI_DEVICE_BASE, TRANSITIONAL_PCI_DEVICE, VIRTIO_PCI_VENDOR } from '../spec/index.js';
import { DeviceTypeError } from './errors.js';

export interface PciIdentity {
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** Base class, subclass and programming interface: 24 bits. */
  readonly classCode: number;
  readonly subsystemVendor: number;
  readonly subsystem: number;
}

/** Class codes by device type; no driver depends on them, but people read them. */
const CLASS_CODES: Readonly<Record<number, number>> = {
  [DeviceType.network]: 0x020000,
  [DeviceType.block]: 0x018000,
  [DeviceType.console]: 0x078000,
  [DeviceType.scsiHost]: 0x010000,
  [DeviceType.socket]: 0x028000,
};
const OTHER_CLASS = 0x00ff00;
/** A modern device has a subsystem ID that no transitional one has (4.1.2.1). */
const MODERN_SUBSYSTEM_BASE = 0x40;
const MAX_DEVICE_TYPE = 0x3f;

/** @throws DeviceTypeError where there is no such PCI device */
export function pciIdentity(deviceType: number, transitional: boolean): PciIdentity {
  const device = transitional ? TRANSITIONAL_PCI_DEVICE[deviceType] : MODERN_PCI_DEVICE_BASE + deviceType;
  if (device === undefined || !Number.isInteger(deviceType) || deviceType < 1 || deviceType > MAX_DEVICE_TYPE) {
    throw new DeviceTypeError(deviceType, transitional);
  }
  return {
    vendor: VIRTIO_PCI_VENDOR,
    device,
    revision: transitional ? 0 : 1,
    classCode: CLASS_CODES[deviceType] ?? OTHER_CLASS,
    subsystemVendor: VIRTIO_PCI_VENDOR,
    subsystem: transitional ? deviceType : MODERN_SUBSYSTEM_BASE + deviceType,
  };
}
