/** virtio-pci: a device as a PCI function. */
export { type BarMapping, ConfigSpace } from './config-space.js';
export { DeviceTypeError, PciFunctionError, UnknownFdError } from './errors.js';
export { VirtioPciFunction, type VirtioPciFunctionOptions } from './function.js';
export { beginFunction, createFunction, functionOver, type LateStart, sharedMemoryOf } from './function-module.js';
export type {
  FdRef,
  FunctionFlags,
  FunctionModuleOptions,
  FunctionPlacement,
  InterruptWiringOptions,
  KickWiringOptions,
} from './function-options.js';
export type { FunctionShape } from './function-shape.js';
export { FUNCTION_MODULE } from './function-url.js';
export { hasPin } from './function-wiring.js';
export { type PciIdentity, pciIdentity } from './identity.js';
export type { Bar, LayoutOptions } from './layout.js';
export { type FunctionRegionOptions, regionFactory } from './region-factory.js';
export { functionBars, functionRegionPlaces, type RegionPlace } from './region-places.js';
export type { PciRegion } from './regions.js';
export { type DoorbellRange, RemoteWiring, type RemoteWiringOptions } from './remote-wiring.js';
