/** The failures of the vhost-user layer. */
import { IoregionError } from '../native/index.js';

/** The peer broke the protocol; its connection is closed (`ERR_IOREGION_VHOST_USER_PROTOCOL`). */
export class VhostUserProtocolError extends IoregionError {
  constructor(message: string) {
    super('ERR_IOREGION_VHOST_USER_PROTOCOL', message);
  }
}

/** The peer does not read what it is sent (`ERR_IOREGION_VHOST_USER_BACKLOG`). */
export class VhostUserBacklogError extends IoregionError {
  constructor(bytes: number) {
    super('ERR_IOREGION_VHOST_USER_BACKLOG', `the peer has left ${bytes} byte(s) of messages unread`);
  }
}

/**
 * A request that cannot be carried out (`ERR_IOREGION_VHOST_USER_REQUEST`): it is answered with a failure where the frontend
 * asked for an answer, else the connection is closed.
 */
export class VhostUserRequestError extends IoregionError {
  constructor(message: string) {
    super('ERR_IOREGION_VHOST_USER_REQUEST', message);
  }
}
