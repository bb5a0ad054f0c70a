/** Just enough IPv4, UDP and TCP to speak with the kernel through a network device. */
const ETHERNET_BYTES = 14;
const IP_BYTES = 20;
const UDP_BYTES = 8;
const TCP_BYTES = 20;
const TYPE_IPV4 = 0x0800;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
/** Where the transport header begins in a frame. */
export const TRANSPORT_OFFSET = ETHERNET_BYTES + IP_BYTES;
export const UDP_CHECKSUM_OFFSET = 6;
export const TCP_CHECKSUM_OFFSET = 16;
export const TcpFlag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

export interface Endpoint {
  readonly mac: Uint8Array;
  readonly ip: string;
  readonly port: number;
}

function addressBytes(ip: string): number[] {
  return ip.split('.').map(Number);
}

/** Sum of 16-bit words in ones' complement. */
function sum(bytes: Uint8Array, start = 0): number {
  let total = start;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

function pseudoHeader(from: Endpoint, to: Endpoint, protocol: number, length: number): Uint8Array {
  return Uint8Array.of(...addressBytes(from.ip), ...addressBytes(to.ip), 0, protocol, length >> 8, length & 0xff);
}

/** `partial`: the checksum covers the pseudo header only, for a device that completes it. */
function transport(
  from: Endpoint,
  to: Endpoint,
  protocol: number,
  segment: Uint8Array,
  at: number,
  partial: boolean,
): void {
  const pseudo = sum(pseudoHeader(from, to, protocol, segment.length));
  const checksum = partial ? pseudo : ~sum(segment, pseudo) & 0xffff;
  segment.set([checksum >> 8, checksum & 0xff], at);
}

function ipFrame(from: Endpoint, to: Endpoint, protocol: number, segment: Uint8Array): Uint8Array {
  const frame = new Uint8Array(TRANSPORT_OFFSET + segment.length);
  const view = new DataView(frame.buffer);
  frame.set(to.mac);
  frame.set(from.mac, 6);
  view.setUint16(12, TYPE_IPV4);
  view.setUint8(14, 0x45);
  view.setUint16(16, IP_BYTES + segment.length);
  view.setUint8(22, 64);
  view.setUint8(23, protocol);
  frame.set(addressBytes(from.ip), 26);
  frame.set(addressBytes(to.ip), 30);
  view.setUint16(24, ~sum(frame.subarray(ETHERNET_BYTES, TRANSPORT_OFFSET)) & 0xffff);
  frame.set(segment, TRANSPORT_OFFSET);
  return frame;
}

export function udpFrame(from: Endpoint, to: Endpoint, payload: Uint8Array, { partial = false } = {}): Uint8Array {
  const segment = new Uint8Array(UDP_BYTES + payload.length);
  const view = new DataView(segment.buffer);
  view.setUint16(0, from.port);
  view.setUint16(2, to.port);
  view.setUint16(4, segment.length);
  segment.set(payload, UDP_BYTES);
  transport(from, to, PROTOCOL_UDP, segment, UDP_CHECKSUM_OFFSET, partial);
  return ipFrame(from, to, PROTOCOL_UDP, segment);
}

export interface TcpFields {
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
}

const WINDOW_SCALE = 7;
/** Options of a SYN: MSS 1460, window scale. */
const SYN_OPTIONS = Uint8Array.of(2, 4, 1460 >> 8, 1460 & 0xff, 1, 3, 3, WINDOW_SCALE);

export function tcpFrame(
  from: Endpoint,
  to: Endpoint,
  { seq, ack, flags }: TcpFields,
  payload: Uint8Array = new Uint8Array(),
  { partial = false } = {},
): Uint8Array {
  const options = (flags & TcpFlag.syn) === 0 ? new Uint8Array() : SYN_OPTIONS;
  const segment = new Uint8Array(TCP_BYTES + options.length + payload.length);
  const view = new DataView(segment.buffer);
  view.setUint16(0, from.port);
  view.setUint16(2, to.port);
  view.setUint32(4, seq);
  view.setUint32(8, ack);
  view.setUint8(12, ((TCP_BYTES + options.length) / 4) << 4);
  view.setUint8(13, flags);
  view.setUint16(14, 0xffff);
  segment.set(options, TCP_BYTES);
  segment.set(payload, TCP_BYTES + options.length);
  transport(from, to, PROTOCOL_TCP, segment, TCP_CHECKSUM_OFFSET, partial);
  return ipFrame(from, to, PROTOCOL_TCP, segment);
}

export interface Datagram {
  readonly from: string;
  readonly to: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly payload: Uint8Array;
  /** The checksum in the frame is complete, and right. */
  readonly checksumValid: boolean;
}

export interface Segment extends Datagram, TcpFields {}

interface Packet {
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  readonly segment: Uint8Array;
  readonly checksumValid: boolean;
}

function parseIp(frame: Uint8Array): Packet | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (frame.length < TRANSPORT_OFFSET || view.getUint16(12) !== TYPE_IPV4) return null;
  const protocol = view.getUint8(23);
  const segment = frame.slice(TRANSPORT_OFFSET, ETHERNET_BYTES + view.getUint16(16));
  const source = frame.subarray(26, 30).join('.');
  const destination = frame.subarray(30, 34).join('.');
  const ends = [source, destination].map((ip) => ({ ip, mac: new Uint8Array(), port: 0 }));
  const pseudo = sum(pseudoHeader(ends[0]!, ends[1]!, protocol, segment.length));
  return { protocol, source, destination, segment, checksumValid: sum(segment, pseudo) === 0xffff };
}

export function parseUdp(frame: Uint8Array): Datagram | null {
  const packet = parseIp(frame);
  if (packet === null || packet.protocol !== PROTOCOL_UDP) return null;
  const { source, destination, segment, checksumValid } = packet;
  const view = new DataView(segment.buffer);
  const [fromPort, toPort] = [view.getUint16(0), view.getUint16(2)];
  return { from: source, to: destination, fromPort, toPort, payload: segment.subarray(UDP_BYTES), checksumValid };
}

export function parseTcp(frame: Uint8Array): Segment | null {
  const packet = parseIp(frame);
  if (packet === null || packet.protocol !== PROTOCOL_TCP) return null;
  const { source, destination, segment, checksumValid } = packet;
  const view = new DataView(segment.buffer);
  return {
    from: source,
    to: destination,
    fromPort: view.getUint16(0),
    toPort: view.getUint16(2),
    seq: view.getUint32(4),
    ack: view.getUint32(8),
    flags: view.getUint8(13),
    payload: segment.subarray((view.getUint8(12) >> 4) * 4),
    checksumValid,
  };
}
