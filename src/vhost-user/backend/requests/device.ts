/** The device as a whole: ownership, reset, status, MTU. */
import { DeviceStatus, DeviceType } from '../../../virtio/spec/index.js';
import { VhostUserRequestError } from '../../errors.js';
import { decodeU64, encodeU64 } from '../../message/index.js';
import { FrontendRequest, ProtocolFeature } from '../../spec/index.js';
import type { Session } from '../session.js';
import type { Requests } from './request.js';

/** What virtio allows (5.1.4). */
const MIN_MTU = 68n;
const MAX_MTU = 65535n;

export const deviceRequests: Requests = [
  [FrontendRequest.setOwner, { handle: () => {} }],
  [FrontendRequest.resetOwner, { handle: (session) => session.reset() }],
  [FrontendRequest.resetDevice, { needs: ProtocolFeature.resetDevice, handle: (session) => session.reset() }],
  [
    FrontendRequest.setStatus,
    { needs: ProtocolFeature.status, handle: (session, { payload }) => setStatus(session, decodeU64(payload)) },
  ],
  [
    FrontendRequest.getStatus,
    { needs: ProtocolFeature.status, handle: (session) => ({ payload: encodeU64(statusOf(session)) }) },
  ],
  [
    FrontendRequest.netSetMtu,
    { needs: ProtocolFeature.netMtu, handle: (session, { payload }) => checkMtu(session, decodeU64(payload)) },
  ],
];

async function setStatus(session: Session, status: bigint): Promise<void> {
  if (status > 0xffn) throw new VhostUserRequestError(`device status 0x${status.toString(16)}`);
  if (status === 0n) await session.reset();
  session.status = Number(status);
}

function statusOf({ status, control }: Session): number {
  return status | (control.state.needsReset ? DeviceStatus.needsReset : 0);
}

/** The device learns of packet sizes from the packets: only an impossible value is refused. */
function checkMtu({ control }: Session, mtu: bigint): void {
  if (control.description.deviceType !== DeviceType.network || mtu < MIN_MTU || mtu > MAX_MTU)
    throw new VhostUserRequestError(`MTU ${mtu}`);
}
