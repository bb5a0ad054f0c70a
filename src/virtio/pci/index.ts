/** virtio-pci: a device as a PCI function. */
export type { BarMapping } from './config-space.js';
export { DeviceTypeError, PciFunctionError } from './errors.js';
export { VirtioPciFunction, type VirtioPciFunctionOptions } from './function.js';
export { type PciIdentity, pciIdentity } from './identity.js';
export type { Bar } from './layout.js';
export type { PciRegion } from './regions.js';
