/** The channel for requests of the backend: SET_BACKEND_REQ_FD. */
import { fstatSync } from 'node:fs';
import type { ReceivedMessage } from '../../connection/index.js';
import { VhostUserProtocolError, VhostUserRequestError } from '../../errors.js';
import { FrontendRequest, ProtocolFeature } from '../../spec/index.js';
import type { Session } from '../session.js';
import type { Requests } from './request.js';

export const channelRequests: Requests = [
  [FrontendRequest.setBackendReqFd, { needs: ProtocolFeature.backendReq, maxFds: 1, handle: setChannel }],
];

function setChannel(session: Session, message: ReceivedMessage): void {
  const [socket] = message.takeFds();
  if (socket === undefined) throw new VhostUserProtocolError('no descriptor of the backend channel');
  if (fstatSync(socket.number).isSocket()) return void session.openChannel(socket);
  socket.close();
  throw new VhostUserRequestError('the backend channel must be a socket');
}
