/** Feature bits of the network device (virtio 5.1.3), and what they make of its queues. */
import { Feature } from '../../spec/index.js';
import { Gso, type OffloadRules } from './packet.js';

const bit = (number: number): bigint => 1n << BigInt(number);

/**
 * Offered where the backend can do it. Not offered: RSS and hashes (60, 57), coalescing (52, 53), RSC_EXT (61), STANDBY (62),
 * SPEED_DUPLEX (63), DEVICE_STATS (50), GUEST_HDRLEN (59) and the legacy GSO (6), GUEST_RSC4 and GUEST_RSC6 (41, 42).
 */
export const NetFeature = {
  /** The device takes packets with partial checksums. */
  csum: bit(0),
  /** The driver takes packets with partial checksums. */
  guestCsum: bit(1),
  /** The driver can switch its offloads while it runs. */
  ctrlGuestOffloads: bit(2),
  mtu: bit(3),
  mac: bit(5),
  guestTso4: bit(7),
  guestTso6: bit(8),
  guestEcn: bit(9),
  guestUfo: bit(10),
  hostTso4: bit(11),
  hostTso6: bit(12),
  hostEcn: bit(13),
  hostUfo: bit(14),
  /** A packet may fill several receive buffers. */
  mrgRxbuf: bit(15),
  status: bit(16),
  ctrlVq: bit(17),
  ctrlRx: bit(18),
  ctrlVlan: bit(19),
  ctrlRxExtra: bit(20),
  guestAnnounce: bit(21),
  mq: bit(22),
  ctrlMacAddr: bit(23),
  guestUso4: bit(54),
  guestUso6: bit(55),
  hostUso: bit(56),
} as const;

const { csum, guestCsum, guestTso4, guestTso6, guestEcn, guestUfo, guestUso4, guestUso6 } = NetFeature;
const { hostTso4, hostTso6, hostEcn, hostUfo, hostUso, ctrlVq } = NetFeature;

const GUEST_SEGMENTATION = guestTso4 | guestTso6 | guestEcn | guestUfo | guestUso4 | guestUso6;
const HOST_SEGMENTATION = hostTso4 | hostTso6 | hostEcn | hostUfo | hostUso;

/** What the driver can leave to the device, and take from it: a backend names those it can do. */
export const HOST_OFFLOADS: bigint = csum | HOST_SEGMENTATION;
/** These are also the bits of VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET (5.1.6.5.8.1). */
export const GUEST_OFFLOADS: bigint = guestCsum | GUEST_SEGMENTATION;

/** A feature, and those of which it needs at least one (5.1.3.1). In this order one pass settles all. */
const REQUIREMENTS: readonly (readonly [feature: bigint, oneOf: bigint])[] = [
  [guestTso4 | guestTso6 | guestUfo | guestUso4 | guestUso6, guestCsum],
  [guestEcn, guestTso4 | guestTso6],
  [hostTso4 | hostTso6 | hostUfo | hostUso, csum],
  [hostEcn, hostTso4 | hostTso6],
  [NetFeature.ctrlRx | NetFeature.ctrlVlan | NetFeature.guestAnnounce | NetFeature.mq, ctrlVq],
  [NetFeature.ctrlMacAddr | NetFeature.ctrlRxExtra | NetFeature.ctrlGuestOffloads, ctrlVq],
];

/** The set without the features whose requirements it does not meet: a driver that accepts those gets less, not trouble. */
export function consistent(features: bigint): bigint {
  return REQUIREMENTS.reduce((set, [feature, oneOf]) => ((set & oneOf) === 0n ? set & ~feature : set), features);
}

export interface FeatureChoice {
  /** Offloads of the backend. */
  readonly offloads: bigint;
  readonly queuePairs: number;
  readonly mtu: number | undefined;
}

export function offeredFeatures({ offloads, queuePairs, mtu }: FeatureChoice): bigint {
  const { mac, mrgRxbuf, status, ctrlRx, ctrlRxExtra, ctrlVlan, guestAnnounce, ctrlMacAddr } = NetFeature;
  let features = offloads & (HOST_OFFLOADS | GUEST_OFFLOADS);
  if ((features & GUEST_OFFLOADS) !== 0n) features |= NetFeature.ctrlGuestOffloads;
  features |= mac | mrgRxbuf | status | ctrlVq | ctrlRx | ctrlRxExtra | ctrlVlan | guestAnnounce | ctrlMacAddr;
  if (mtu !== undefined) features |= NetFeature.mtu;
  if (queuePairs > 1) features |= NetFeature.mq;
  return consistent(features);
}

/** struct virtio_net_hdr with num_buffers, and without (5.1.6.1). */
const HEADER_BYTES = 12;
const LEGACY_HEADER_BYTES = 10;

/** What the features the driver accepted decide, once per activation. */
export interface Negotiated {
  /** Accepted, and consistent. */
  readonly features: bigint;
  /** Of the header before each packet. */
  readonly headerBytes: number;
  /** A packet may fill several receive buffers. */
  readonly mergeable: boolean;
  readonly multiQueue: boolean;
  readonly hasControlQueue: boolean;
  readonly filtersAddresses: boolean;
  readonly filtersVlans: boolean;
  readonly limitsMtu: boolean;
  /** The configuration space is legacy, where the driver may write the MAC address (5.1.4.3). */
  readonly legacy: boolean;
  /** What packets the driver sends may leave to the device. */
  readonly transmitRules: OffloadRules;
}

export function negotiate(accepted: bigint): Negotiated {
  const features = consistent(accepted);
  const has = (feature: bigint) => (features & feature) !== 0n;
  const legacy = !has(Feature.version1);
  return {
    features,
    headerBytes: legacy && !has(NetFeature.mrgRxbuf) ? LEGACY_HEADER_BYTES : HEADER_BYTES,
    mergeable: has(NetFeature.mrgRxbuf),
    multiQueue: has(NetFeature.mq),
    hasControlQueue: has(ctrlVq),
    filtersAddresses: has(NetFeature.ctrlRx),
    filtersVlans: has(NetFeature.ctrlVlan),
    limitsMtu: has(NetFeature.mtu),
    legacy,
    transmitRules: transmitRules(features),
  };
}

const TRANSMIT_GSO: readonly (readonly [feature: bigint, type: number])[] = [
  [hostTso4, Gso.tcpv4],
  [hostTso6, Gso.tcpv6],
  [hostUfo, Gso.udp],
  [hostUso, Gso.udpL4],
];

const RECEIVE_GSO: readonly (readonly [feature: bigint, type: number])[] = [
  [guestTso4, Gso.tcpv4],
  [guestTso6, Gso.tcpv6],
  [guestUfo, Gso.udp],
  [guestUso4 | guestUso6, Gso.udpL4],
];

function gsoTypes(features: bigint, table: typeof TRANSMIT_GSO): number {
  return table.reduce((types, [feature, type]) => ((features & feature) === 0n ? types : types | (1 << type)), 0);
}

function transmitRules(features: bigint): OffloadRules {
  const ecn = (features & hostEcn) !== 0n;
  return { partialCsum: (features & csum) !== 0n, gsoTypes: gsoTypes(features, TRANSMIT_GSO), ecn };
}

/** What packets for the driver may leave to it, with these of its offloads switched on. */
export function receiveRules(offloads: bigint): OffloadRules {
  const ecn = (offloads & guestEcn) !== 0n;
  return { partialCsum: (offloads & guestCsum) !== 0n, gsoTypes: gsoTypes(offloads, RECEIVE_GSO), ecn };
}
