/** A vring: its size, place, position, and whether it is enabled. */
import { MAX_QUEUE_SIZE } from '../../../virtio/spec/index.js';
import { VhostUserRequestError } from '../../errors.js';
import { decodeVringAddress, decodeVringState, encodeVringState } from '../../message/index.js';
import { FrontendRequest } from '../../spec/index.js';
import { decodeRingBase, encodeRingBase, freshRingBase } from '../ring-base.js';
import type { Session } from '../session.js';
import type { Reply, Requests } from './request.js';

export const vringRequests: Requests = [
  [FrontendRequest.setVringNum, { handle: (session, { payload }) => setNum(session, payload) }],
  [FrontendRequest.setVringAddr, { handle: (session, { payload }) => setAddress(session, payload) }],
  [FrontendRequest.setVringBase, { handle: (session, { payload }) => setBase(session, payload) }],
  [FrontendRequest.getVringBase, { handle: (session, { payload }) => getBase(session, payload) }],
  [FrontendRequest.setVringEnable, { handle: (session, { payload }) => setEnable(session, payload) }],
];

async function setNum({ rings }: Session, payload: Uint8Array): Promise<void> {
  const { index, value } = decodeVringState(payload);
  const ring = rings.at(index);
  if (value === 0 || value > Math.min(MAX_QUEUE_SIZE, ring.maxSize))
    throw new VhostUserRequestError(`vring ${index}: ${value} descriptors, of at most ${ring.maxSize}`);
  await rings.change(ring, () => {
    ring.size = value;
  });
}

async function setAddress({ rings }: Session, payload: Uint8Array): Promise<void> {
  const address = decodeVringAddress(payload);
  const ring = rings.at(address.index);
  await rings.change(ring, () => {
    ring.address = address;
  });
}

async function setBase({ rings }: Session, payload: Uint8Array): Promise<void> {
  const { index, value } = decodeVringState(payload);
  const ring = rings.at(index);
  await rings.change(ring, () => {
    ring.position = decodeRingBase(value, rings.features);
  });
}

/** Stops it, and answers where once nothing is in flight. */
async function getBase({ rings }: Session, payload: Uint8Array): Promise<Reply> {
  const { index } = decodeVringState(payload);
  const ring = rings.at(index);
  await rings.end(ring);
  const { stoppedAt } = ring;
  const value = stoppedAt === null ? freshRingBase(rings.features) : encodeRingBase(stoppedAt, rings.features);
  return { payload: encodeVringState({ index, value }) };
}

async function setEnable({ rings }: Session, payload: Uint8Array): Promise<void> {
  const { index, value } = decodeVringState(payload);
  const ring = rings.at(index);
  if (value > 1) throw new VhostUserRequestError(`vring ${index}: ${value} is neither enabled nor disabled`);
  ring.enabled = value === 1;
  if (ring.enabled) await rings.update();
  else await rings.stop([ring]);
}
