import { IoregionError } from '../../native/index.js';

/** The Worker of a device did not start (`ERR_IOREGION_DEVICE_WORKER`). */
export class DeviceWorkerError extends IoregionError {
  constructor(reason: string, cause?: unknown) {
    super('ERR_IOREGION_DEVICE_WORKER', `the Worker of a device did not start: ${reason}`, { cause });
  }
}

/** A device on a Worker did not give its state, or did not take one (`ERR_IOREGION_DEVICE_STATE`). */
export class DeviceStateError extends IoregionError {
  constructor(reason: string) {
    super('ERR_IOREGION_DEVICE_STATE', `the state of a device: ${reason}`);
  }
}
