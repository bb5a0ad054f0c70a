/** The dirty log: SET_LOG_BASE. */
import { closeAll } from '../../../native/index.js';
import type { ReceivedMessage } from '../../connection/index.js';
import { VhostUserProtocolError } from '../../errors.js';
import { decodeLog, encodeU64 } from '../../message/index.js';
import { FrontendRequest, ProtocolFeature } from '../../spec/index.js';
import { DirtyLog } from '../log/index.js';
import type { Session } from '../session.js';
import type { Reply, Requests } from './request.js';

export const logRequests: Requests = [
  [FrontendRequest.setLogBase, { needs: ProtocolFeature.logShmfd, maxFds: 1, handle: setLogBase }],
];

async function setLogBase({ rings, shrunk }: Session, message: ReceivedMessage): Promise<Reply> {
  const description = decodeLog(message.payload);
  const fds = message.takeFds();
  try {
    const [file] = fds;
    if (file === undefined) throw new VhostUserProtocolError('no descriptor of the log');
    await rings.setLog(DirtyLog.open(description, file, shrunk));
    return { payload: encodeU64(0) };
  } finally {
    closeAll(fds);
  }
}
