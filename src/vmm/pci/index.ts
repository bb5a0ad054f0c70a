/** PCI bus 0 with its host bridge: configuration by ports and by memory, and windows in which BARs are decoded. */
export { BarAllocator, type BarSize } from './bar-allocator.js';
export { CONFIG_PORTS, ConfigPorts } from './config-ports.js';
export { Ecam } from './ecam.js';
export { type ForwardedFunction, openForwardedFunction } from './forwarded-function.js';
export { PciBus } from './pci-bus.js';
export type { BarRegion, PciFunction } from './pci-function.js';
export { PCI_SLOTS } from './pci-slots.js';
