/** How a vring is notified: SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR, and VRING_KICK in-band. */
import { readlinkSync } from 'node:fs';
import { EventFd, type Fd } from '../../../native/index.js';
import type { ReceivedMessage } from '../../connection/index.js';
import { VhostUserProtocolError, VhostUserRequestError } from '../../errors.js';
import { decodeVringFd, decodeVringState } from '../../message/index.js';
import { FrontendRequest, ProtocolFeature } from '../../spec/index.js';
import type { Ring } from '../ring.js';
import type { Session } from '../session.js';
import type { Requests } from './request.js';

export const vringFdRequests: Requests = [
  [FrontendRequest.setVringKick, { maxFds: 1, handle: setKick }],
  [FrontendRequest.setVringCall, { maxFds: 1, handle: setCall }],
  [FrontendRequest.setVringErr, { maxFds: 1, handle: setErr }],
  [FrontendRequest.vringKick, { needs: ProtocolFeature.inbandNotifications, handle: kick }],
];

async function setKick(session: Session, message: ReceivedMessage): Promise<void> {
  const { ring, fd } = takeFd(session, message);
  if (fd !== null && !isEventFd(fd)) {
    fd.close();
    throw new VhostUserRequestError(`vring ${ring.index}: kicks must come from an eventfd`);
  }
  const inband = session.has(ProtocolFeature.inbandNotifications);
  const withoutFd = inband ? 'inband' : 'poll';
  await session.rings.change(ring, () => {
    ring.setKick(fd === null ? withoutFd : 'fd', fd === null ? null : new EventFd(fd.release()));
    // In-band the first kick starts it.
    ring.started ||= fd !== null || !inband;
  });
}

function setCall(session: Session, message: ReceivedMessage): void {
  const { ring, fd } = takeFd(session, message);
  ring.setCall(fd === null ? null : nonBlocking(fd));
  // Chains may have been used while there was nobody to call.
  if (ring.running) session.callRing(ring.index);
}

function setErr(session: Session, message: ReceivedMessage): void {
  const { ring, fd } = takeFd(session, message);
  ring.setErr(fd === null ? null : nonBlocking(fd));
}

async function kick({ rings }: Session, { payload }: ReceivedMessage): Promise<void> {
  const ring = rings.at(decodeVringState(payload).index);
  if (ring.kickSource === 'none') ring.setKick('inband', null);
  if (ring.running) return rings.kick(ring);
  ring.started = true;
  await rings.update();
}

function takeFd({ rings }: Session, message: ReceivedMessage): { ring: Ring; fd: Fd | null } {
  const { index, hasFd } = decodeVringFd(message.payload);
  const ring = rings.at(index);
  if (hasFd !== (message.fdCount === 1))
    throw new VhostUserProtocolError(`vring ${index}: a descriptor is announced, or comes, without the other`);
  return { ring, fd: message.takeFds()[0] ?? null };
}

/** A descriptor of another kind might be readable for ever, or block whoever reads it. */
function isEventFd(fd: Fd): boolean {
  return readlinkSync(`/proc/self/fd/${fd.number}`) === 'anon_inode:[eventfd]';
}

/** User-Mode Linux takes its calls from a socket. */
function nonBlocking(fd: Fd): EventFd {
  fd.setNonblock(true);
  return new EventFd(fd.release());
}
