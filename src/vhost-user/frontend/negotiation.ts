/** What a backend can do, and what of it is used. */
import { Feature } from '../../virtio/index.js';
import { decodeU64, encodeU64 } from '../message/index.js';
import { FrontendRequest, ProtocolFeature, VhostFeature } from '../spec/index.js';
import { BackendUnsuitableError } from './errors.js';
import type { RequestChannel } from './request-channel.js';

/** Protocol features that this frontend makes use of where the backend has them. */
export const FRONTEND_PROTOCOL_FEATURES: bigint =
  ProtocolFeature.mq |
  ProtocolFeature.logShmfd |
  ProtocolFeature.replyAck |
  ProtocolFeature.netMtu |
  ProtocolFeature.backendReq |
  ProtocolFeature.config |
  ProtocolFeature.backendSendFd |
  ProtocolFeature.inflightShmfd |
  ProtocolFeature.resetDevice |
  ProtocolFeature.inbandNotifications |
  ProtocolFeature.configureMemSlots |
  ProtocolFeature.status |
  ProtocolFeature.deviceState;

/** In-band notifications may be used with both of these only ("In-band notifications"). */
const INBAND_NEEDS = ProtocolFeature.backendReq | ProtocolFeature.replyAck;

export interface Negotiated {
  /** What the backend offers, bits of vhost-user included. */
  readonly offered: bigint;
  /** Protocol features in use. */
  readonly protocol: bigint;
}

export interface NegotiationOptions {
  /** Protocol features to leave alone. */
  readonly withheld: bigint;
  /** Kicks and calls by message. */
  readonly inband: boolean;
}

/** The first messages of a connection. Throws BackendUnsuitableError for a backend of before virtio 1. */
export async function negotiate(channel: RequestChannel, options: NegotiationOptions): Promise<Negotiated> {
  const offered = await getU64(channel, FrontendRequest.getFeatures);
  if ((offered & Feature.version1) === 0n)
    throw new BackendUnsuitableError('it does not offer VIRTIO_F_VERSION_1, and its rings may be of any layout');
  const protocol = (offered & VhostFeature.protocolFeatures) === 0n ? 0n : await negotiateProtocol(channel, options);
  await channel.tell(FrontendRequest.setOwner, new Uint8Array(0));
  return { offered, protocol };
}

async function negotiateProtocol(channel: RequestChannel, options: NegotiationOptions): Promise<bigint> {
  const offered = await getU64(channel, FrontendRequest.getProtocolFeatures);
  const protocol = chooseProtocol(offered, options);
  await channel.tell(FrontendRequest.setProtocolFeatures, encodeU64(protocol));
  channel.acknowledges = (protocol & ProtocolFeature.replyAck) !== 0n;
  return protocol;
}

/** Throws BackendUnsuitableError where in-band notifications are asked for and cannot be had. */
export function chooseProtocol(offered: bigint, { withheld, inband }: NegotiationOptions): bigint {
  const possible = offered & FRONTEND_PROTOCOL_FEATURES & ~withheld;
  if (!inband) return possible & ~ProtocolFeature.inbandNotifications;
  const needed = INBAND_NEEDS | ProtocolFeature.inbandNotifications;
  if ((possible & needed) === needed) return possible;
  throw new BackendUnsuitableError('it has no in-band notifications (with BACKEND_REQ and REPLY_ACK)');
}

/** A request that is answered with one number. */
export async function getU64(channel: RequestChannel, request: number): Promise<bigint> {
  const { payload } = await channel.ask(request, new Uint8Array(0));
  return channel.decode(() => decodeU64(payload));
}
