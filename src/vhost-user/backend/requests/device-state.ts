/** The device's own state: SET_DEVICE_STATE_FD, CHECK_DEVICE_STATE. */
import { fstatSync } from 'node:fs';
import type { ReceivedMessage } from '../../connection/index.js';
import { VhostUserProtocolError } from '../../errors.js';
import { decodeDeviceState, encodeU64 } from '../../message/index.js';
import { FrontendRequest, ProtocolFeature, TransferDirection, TransferPhase, TransferReply } from '../../spec/index.js';
import type { Session } from '../session.js';
import type { Reply, Requests } from './request.js';

/** No descriptor comes back: the frontend's own pipe is used. */
const ACCEPTED: Reply = { payload: encodeU64(TransferReply.noFd) };
const REFUSED: Reply = { payload: encodeU64(TransferReply.noFd | TransferReply.error) };

export const stateRequests: Requests = [
  [
    FrontendRequest.setDeviceStateFd,
    { needs: ProtocolFeature.deviceState, maxFds: 1, handle: setStateFd, failed: REFUSED },
  ],
  [FrontendRequest.checkDeviceState, { needs: ProtocolFeature.deviceState, handle: checkState }],
];

async function setStateFd(session: Session, message: ReceivedMessage): Promise<Reply> {
  const { direction, phase } = decodeDeviceState(message.payload);
  const [pipe] = message.takeFds();
  if (pipe === undefined) throw new VhostUserProtocolError('no descriptor for the device state');
  const kind = fstatSync(pipe.number);
  const usable = kind.isFIFO() || kind.isSocket();
  if (!usable || phase !== TransferPhase.stopped || direction > TransferDirection.load || session.rings.anyRunning) {
    pipe.close();
    return REFUSED;
  }
  await session.transferState(pipe, direction === TransferDirection.save);
  return ACCEPTED;
}

async function checkState(session: Session): Promise<Reply> {
  return { payload: encodeU64((await session.stateTransferred()) ? 0 : 1) };
}
