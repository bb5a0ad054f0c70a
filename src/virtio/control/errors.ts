import { IoregionError } from '../../native/index.js';

/** The Worker of a device did not start (`ERR_IOREGION_DEVICE_WORKER`). */
export class DeviceWorkerError extends IoregionError {
  constructor(reason: string, cause?: unknown) {
    super('ERR_IOREGION_DEVICE_WORKER', `the Worker of a device did not start: ${reason}`, { cause });
  }
}
