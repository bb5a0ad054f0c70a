/** One vring: set up and started, stopped, its position as the protocol writes it. */
import type { EventFd } from '../../native/index.js';
import { Feature, type QueuePosition, type QueueSetup } from '../../virtio/index.js';
import { VhostUserProtocolError } from '../errors.js';
import { decodeVringState, encodeVringAddress, encodeVringFd, encodeVringState } from '../message/index.js';
import { FrontendRequest, VRING_LOG_USED } from '../spec/index.js';
import { userAddressOf } from './memory-table.js';
import type { RequestChannel } from './request-channel.js';

export interface VringStart {
  readonly setup: QueueSetup;
  /** Where it goes on. */
  readonly position: QueuePosition;
  /** null for an in-band notification. */
  readonly kickFd: EventFd | null;
  readonly callFd: EventFd | null;
  readonly errFd: EventFd | null;
  /** Writes to the used ring are to be logged. */
  readonly logged: boolean;
  /** Rings start disabled where protocol features have been negotiated. */
  readonly enable: boolean;
}

const WRAP = 0x8000;
const OFFSET_MASK = 0x7fff;

export function isPacked({ features }: Pick<QueueSetup, 'features'>): boolean {
  return (features & Feature.ringPacked) !== 0n;
}

/** Of a ring that nobody has used yet: both wrap counters of a packed one begin as 1 (virtio 2.8.1). */
export function firstPosition(setup: QueueSetup): QueuePosition {
  return isPacked(setup) ? { available: WRAP, used: WRAP } : { available: 0, used: 0 };
}

/** SET_VRING_BASE: 16 bits of a split ring, twice 16 of a packed one ("Vring descriptor indices for packed virtqueues"). */
export function toVringBase(setup: QueueSetup, { available, used }: QueuePosition): number {
  return isPacked(setup) ? ((used << 16) | available) >>> 0 : available;
}

/** From GET_VRING_BASE. @throws VhostUserProtocolError where no ring of this kind can be there */
export function fromVringBase(setup: QueueSetup, base: number): QueuePosition {
  const position = isPacked(setup) ? { available: base & 0xffff, used: base >>> 16 } : { available: base, used: base };
  if (isPacked(setup) ? !inPackedRing(setup, position) : base > 0xffff)
    throw new VhostUserProtocolError(`base 0x${base.toString(16)} of vring ${setup.index} is outside of it`);
  return position;
}

function inPackedRing({ size }: QueueSetup, { available, used }: QueuePosition): boolean {
  return (available & OFFSET_MASK) < size && (used & OFFSET_MASK) < size;
}

/** From SET_VRING_NUM to SET_VRING_ENABLE. The ring may run before it returns. */
export async function startVring(channel: RequestChannel, start: VringStart): Promise<void> {
  const { setup } = start;
  const { index } = setup;
  const tellState = (request: number, value: number) => channel.tell(request, encodeVringState({ index, value }));
  const tellFd = (request: number, fd: EventFd | null) =>
    channel.tell(request, encodeVringFd({ index, hasFd: fd !== null }), fd === null ? [] : [fd]);
  await tellState(FrontendRequest.setVringNum, setup.size);
  await tellState(FrontendRequest.setVringBase, toVringBase(setup, start.position));
  await channel.tell(FrontendRequest.setVringAddr, encodeVringAddress(addressesOf(setup, start.logged)));
  await tellFd(FrontendRequest.setVringErr, start.errFd);
  await tellFd(FrontendRequest.setVringCall, start.callFd);
  await tellFd(FrontendRequest.setVringKick, start.kickFd);
  if (start.enable) await tellState(FrontendRequest.setVringEnable, 1);
}

/** Stops the ring: nothing of it is in flight once the answer is there. */
export async function stopVring(channel: RequestChannel, setup: QueueSetup): Promise<QueuePosition> {
  const { index } = setup;
  const request = encodeVringState({ index, value: 0 });
  const { payload } = await channel.ask(FrontendRequest.getVringBase, request);
  return channel.decode(() => {
    const state = decodeVringState(payload);
    if (state.index !== index) throw new VhostUserProtocolError(`the base of vring ${state.index} instead of ${index}`);
    return fromVringBase(setup, state.value);
  });
}

/** With an IOMMU the addresses of the driver are I/O virtual ones already. */
export function addressesOf(setup: QueueSetup, logged: boolean) {
  const translate = (setup.features & Feature.accessPlatform) === 0n ? userAddressOf : (iova: bigint) => iova;
  return {
    index: setup.index,
    flags: logged ? VRING_LOG_USED : 0,
    descriptors: translate(setup.descriptors),
    available: translate(setup.driverArea),
    used: translate(setup.deviceArea),
    log: setup.deviceArea,
  };
}
