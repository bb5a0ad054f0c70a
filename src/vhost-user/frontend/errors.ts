/** What can go wrong with a backend, by what is to be done about it. */
import { IoregionError } from '../../native/index.js';
import { frontendRequestName } from '../spec/index.js';

/** The backend has not answered in time; its connection is closed (`ERR_IOREGION_VHOST_USER_TIMEOUT`). */
export class BackendTimeoutError extends IoregionError {
  constructor(request: number, limitMs: number) {
    super(
      'ERR_IOREGION_VHOST_USER_TIMEOUT',
      `the backend has not answered ${frontendRequestName(request)} within ${limitMs} ms: it is stuck, restart it`,
    );
  }
}

/** The backend has answered a request with a failure (`ERR_IOREGION_VHOST_USER_REFUSED`); the connection goes on. */
export class BackendRefusedError extends IoregionError {
  constructor(request: number, reason: string) {
    super('ERR_IOREGION_VHOST_USER_REFUSED', `the backend refuses ${frontendRequestName(request)}: ${reason}`);
  }
}

/** There is no connection to a backend any more (`ERR_IOREGION_VHOST_USER_GONE`). */
export class BackendGoneError extends IoregionError {
  constructor(doing: string, cause?: unknown) {
    super('ERR_IOREGION_VHOST_USER_GONE', `the connection to the backend ended ${doing}`, { cause });
  }
}

/** The backend cannot serve this device or this driver (`ERR_IOREGION_VHOST_USER_UNSUITABLE`). */
export class BackendUnsuitableError extends IoregionError {
  constructor(reason: string) {
    super('ERR_IOREGION_VHOST_USER_UNSUITABLE', `the backend does not fit: ${reason}`);
  }
}
