/** Why a region server ended other than by being closed or by its peer's hanging up. */
import { IoregionError } from '../../native/errors.js';

/** A system call on the fd failed. */
export class ServerIoError extends IoregionError {
  constructor(errno: number) {
    super('ERR_IOREGION_SERVER_IO', `reading or writing the region fd failed with errno ${errno}`, { errno });
  }
}

/** The device module could not be loaded, or its factory threw. */
export class DeviceLoadError extends IoregionError {
  constructor(
    readonly module: string,
    readonly reason: string,
    cause?: unknown,
  ) {
    super('ERR_IOREGION_DEVICE_LOAD', `device module ${module}: ${reason}`, { cause });
  }
}

/** The Worker of a region server ended without having been asked to. */
export class ServerWorkerError extends IoregionError {
  constructor(reason: string, cause?: unknown) {
    super('ERR_IOREGION_SERVER_WORKER', `the Worker of a region server ended: ${reason}`, { cause });
  }
}
