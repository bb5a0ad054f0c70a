/** The header before each packet: struct virtio_net_hdr (virtio 5.1.6). Fields are little-endian. */

/** Offsets in bytes. */
export const PacketHeader = { flags: 0, gsoType: 1, hdrLen: 2, gsoSize: 4, csumStart: 6, csumOffset: 8 } as const;
/** Of `num_buffers`, which legacy headers lack. */
export const NUM_BUFFERS_OFFSET = 10;
export const MAX_HEADER_BYTES = 12;

export const PacketFlag = {
  /** The checksum at csum_start + csum_offset is partial: the receiver completes it. */
  needsCsum: 1,
  /** Checked by the device. */
  dataValid: 2,
} as const;

/** How the receiver is to cut the packet into smaller ones. */
export const Gso = { none: 0, tcpv4: 1, udp: 3, tcpv6: 4, udpL4: 5, ecn: 0x80 } as const;

/** Destination and source address, and type. */
export const ETHERNET_HEADER_BYTES = 14;
/** A VLAN tag between the addresses and the type. */
export const VLAN_TAG_BYTES = 4;
/** An IPv6 packet of full length in an Ethernet frame: the longest there is (5.1.6.3). */
export const MAX_PACKET_BYTES = 65_589;
const TYPE_OFFSET = 12;
const VLAN_TYPE = 0x8100;
const VLAN_ID_MASK = 0xfff;
const CSUM_BYTES = 2;
const LARGEST_GSO_TYPE = Gso.udpL4;

/** What packets in one direction may leave to their receiver: the features it has accepted. */
export interface OffloadRules {
  readonly partialCsum: boolean;
  /** A set of Gso types: bit number `type`. */
  readonly gsoTypes: number;
  readonly ecn: boolean;
}

const field = (header: Uint8Array, at: number): number => header[at]! | (header[at + 1]! << 8);

function setField(header: Uint8Array, at: number, value: number): void {
  header[at] = value & 0xff;
  header[at + 1] = value >>> 8;
}

/** The VLAN of the packet that begins at position `at` of `bytes`, or -1 where it has no tag. */
export function vlanOf(bytes: Uint8Array, at: number): number {
  const type = at + TYPE_OFFSET;
  if (((bytes[type]! << 8) | bytes[type + 1]!) !== VLAN_TYPE) return -1;
  return ((bytes[type + 2]! << 8) | bytes[type + 3]!) & VLAN_ID_MASK;
}

/** Whether a header asks for nothing but what the rules allow (5.1.6.2.1, 5.1.6.4.1). */
export function isAllowed(header: Uint8Array, { partialCsum, gsoTypes, ecn }: OffloadRules): boolean {
  const needsCsum = (header[PacketHeader.flags]! & PacketFlag.needsCsum) !== 0;
  const gsoType = header[PacketHeader.gsoType]!;
  if (needsCsum && !partialCsum) return false;
  if (gsoType === Gso.none) return true;
  const type = gsoType & ~Gso.ecn;
  if (!needsCsum || type > LARGEST_GSO_TYPE || (gsoTypes & (1 << type)) === 0) return false;
  return gsoType === type || (ecn && (type === Gso.tcpv4 || type === Gso.tcpv6));
}

/** Whether any flag is set: none may be for a driver that has not accepted partial checksums (5.1.6.4.1). */
export function hasFlags(header: Uint8Array): boolean {
  return header[PacketHeader.flags] !== 0;
}

/** Whether the packet is to be cut into smaller ones. */
export function isSegmented(header: Uint8Array): boolean {
  return (header[PacketHeader.gsoType]! & ~Gso.ecn) !== Gso.none;
}

/**
 * Checks a header from the driver, in a copy that the driver cannot change, against the length of its packet (bytes), and
 * makes it safe to hand on: unknown flags, fields that are not used and num_buffers are cleared, the hint hdr_len is cut to
 * the packet. False where the packet breaks the rules.
 */
export function acceptHeader(header: Uint8Array, packetBytes: number, rules: OffloadRules): boolean {
  if (!isAllowed(header, rules) || !isInside(header, packetBytes)) return false;
  if (isSegmented(header) && field(header, PacketHeader.gsoSize) === 0) return false;
  header[PacketHeader.flags]! &= PacketFlag.needsCsum;
  if (header[PacketHeader.flags] === 0) header.fill(0, PacketHeader.csumStart);
  if (!isSegmented(header)) setField(header, PacketHeader.gsoSize, 0);
  setField(header, PacketHeader.hdrLen, Math.min(field(header, PacketHeader.hdrLen), packetBytes));
  header.fill(0, NUM_BUFFERS_OFFSET);
  return true;
}

/** The checksum that the receiver is to fill in lies in the packet (CVE-2024-11614). */
function isInside(header: Uint8Array, packetBytes: number): boolean {
  if ((header[PacketHeader.flags]! & PacketFlag.needsCsum) === 0) return true;
  return field(header, PacketHeader.csumStart) + field(header, PacketHeader.csumOffset) + CSUM_BYTES <= packetBytes;
}
