/** The minimal VMM: a machine from a description, with devices wherever they are. See README.md. */

export type {
  Attach,
  CustomDeviceOptions,
  DeviceDescriptions,
  DeviceFigures,
  DeviceInfo,
  DevicePolicy,
  DiskDescription,
  NetDescription,
  Placement,
  PlugDescription,
} from './attach/index.js';
export type { SerialStreams } from './devices/serial/index.js';
export * from './errors.js';
export type { UnplugOptions } from './machine/departures.js';
export { DEFAULT_COMMAND_LINE, type MachineDescription, type RestoreDescription } from './machine/description.js';
export type { PlugOptions } from './machine/device-bay.js';
export type { MachineEnd } from './machine/machine-end.js';
export type { MachineEvents, MachineState } from './machine/machine-events.js';
export { type StartOptions, VirtualMachine } from './machine/virtual-machine.js';
export type { MachineMetrics } from './metrics/machine-metrics.js';
export type { RegionFigures } from './metrics/region-meters.js';
export { SnapshotFileError, SnapshotFormatError, SnapshotMachineError, type SnapshotSize } from './snapshot/index.js';
