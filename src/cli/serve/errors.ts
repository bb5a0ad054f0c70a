/** What can be wrong with a command line of `ioregion serve` that its parser cannot see. */
import { IoregionError } from '../../native/index.js';

/** Options that do not go together, or one that is missing (`ERR_IOREGION_SERVE_OPTION`). */
export class ServeOptionError extends IoregionError {
  constructor(message: string) {
    super('ERR_IOREGION_SERVE_OPTION', message);
  }
}

/** The file for metrics cannot be written (`ERR_IOREGION_METRICS`). */
export class MetricsError extends IoregionError {
  constructor(target: string, cause: unknown) {
    super('ERR_IOREGION_METRICS', `metrics cannot be written to ${target}: ${(cause as Error).message}`, { cause });
  }
}

/** What a module has made is no virtio device (`ERR_IOREGION_DEVICE_KIND`). */
export class DeviceKindError extends IoregionError {
  constructor(module: string, reason: string) {
    super('ERR_IOREGION_DEVICE_KIND', `device module ${module}: what it made is no virtio device: ${reason}`);
  }
}
