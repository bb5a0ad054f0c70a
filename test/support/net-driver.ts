/** Packets and commands for a network device through a RingDriver. */
import {
  Feature,
  NetAck,
  NetFeature,
  NetworkDevice,
  type NetworkDeviceOptions,
  PairBackend,
  type PairOptions,
} from 'ioregion/virtio';
import { onTestFinished } from 'vitest';
import { type MockQueue, RingDriver, type RingDriverOptions, type Segment, type Sent } from './ring-driver.js';

export const MAC = '52:54:00:12:34:56';
export const MAC_BYTES = Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);
export const BROADCAST = new Uint8Array(6).fill(0xff);
export const OTHER_MAC = Uint8Array.of(0x52, 0x54, 0x00, 0xaa, 0xbb, 0xcc);
const HEADER_BYTES = 12;
const LEGACY_HEADER_BYTES = 10;

export interface HeaderFields {
  flags?: number;
  gsoType?: number;
  hdrLen?: number;
  gsoSize?: number;
  csumStart?: number;
  csumOffset?: number;
  numBuffers?: number;
}

export function header(fields: HeaderFields = {}, length = HEADER_BYTES): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, fields.flags ?? 0);
  view.setUint8(1, fields.gsoType ?? 0);
  const words = [fields.hdrLen, fields.gsoSize, fields.csumStart, fields.csumOffset, fields.numBuffers];
  words.forEach((value = 0, i) => {
    view.setUint16(2 + 2 * i, value, true);
  });
  return bytes.subarray(0, length);
}

/** An Ethernet frame of `length` bytes, each of its payload bytes `fill`. */
export function frame(
  length: number,
  { to = BROADCAST, from = MAC_BYTES, type = 0x88b5, fill = 0xa5 } = {},
): Uint8Array {
  const bytes = new Uint8Array(length).fill(fill);
  bytes.set(to);
  bytes.set(from, 6);
  bytes.set([type >> 8, type & 0xff], 12);
  return bytes;
}

/** A frame with a VLAN tag. */
export function tagged(length: number, vlan: number): Uint8Array {
  const bytes = frame(length, { type: 0x8100 });
  bytes.set([vlan >> 8, vlan & 0xff, 0x88, 0xb5], 14);
  return bytes;
}

export interface Received {
  readonly header: Uint8Array;
  readonly packet: Uint8Array;
  /** Used lengths. */
  readonly buffers: number[];
}

export class NetDriver extends RingDriver<NetworkDevice> {
  /** By pair, in the order in which they were posted; the first has not been looked at. */
  readonly #posted = new Map<number, Sent[]>();

  /** The device is closed with the test. It has not started. */
  static create(options: NetworkDeviceOptions, driverOptions: RingDriverOptions = {}): NetDriver {
    const driver = new NetDriver(new NetworkDevice({ mac: MAC, ...options }), driverOptions);
    onTestFinished(() => driver.close());
    return driver;
  }

  static open(options: NetworkDeviceOptions, driverOptions: RingDriverOptions = {}): NetDriver {
    const driver = NetDriver.create(options, driverOptions);
    driver.start();
    return driver;
  }

  override start(options?: RingDriverOptions): void {
    super.start(options);
    this.#posted.clear();
  }

  get headerBytes(): number {
    const hasBuffers = (this.acceptedFeatures & (NetFeature.mrgRxbuf | Feature.version1)) !== 0n;
    return hasBuffers ? HEADER_BYTES : LEGACY_HEADER_BYTES;
  }

  receiveRing(pair = 0): MockQueue {
    return this.ring(2 * pair);
  }

  transmitRing(pair = 0): MockQueue {
    return this.ring(2 * pair + 1);
  }

  /** Resolves when the device has taken the packet. */
  async transmit(packet: Uint8Array, fields: HeaderFields = {}, pair = 0): Promise<void> {
    const bytes = Buffer.concat([header(fields, this.headerBytes), packet]);
    await this.transmitRing(pair).send([{ bytes: Uint8Array.from(bytes) }]);
  }

  /** Posts receive buffers, each of one segment. */
  post(count: number, room: number, pair = 0): Sent[] {
    return this.postSegments(Array(count).fill([{ room }]), pair);
  }

  postSegments(buffers: readonly (readonly Segment[])[], pair = 0): Sent[] {
    const ring = this.receiveRing(pair);
    const sent = buffers.map((segments) => ring.add(segments));
    const posted = this.#posted.get(pair) ?? [];
    this.#posted.set(pair, posted);
    posted.push(...sent);
    ring.kick();
    return sent;
  }

  /** The next packet, from as many buffers as its header says. */
  async receive(pair = 0): Promise<Received> {
    const posted = this.#posted.get(pair)!;
    const first = await posted.shift()!.done;
    const count = this.headerBytes === HEADER_BYTES ? new DataView(first.data.buffer).getUint16(10, true) : 1;
    const rest = await Promise.all(posted.splice(0, count - 1).map(({ done }) => done));
    const all = [first, ...rest];
    const bytes = Uint8Array.from(Buffer.concat(all.map(({ data }) => data)));
    return {
      header: bytes.subarray(0, this.headerBytes),
      packet: bytes.subarray(this.headerBytes),
      buffers: all.map(({ written }) => written),
    };
  }

  /** The answer of the device to a command. */
  async command(commandClass: number, command: number, data: Uint8Array | number[] = [], room = 1): Promise<number> {
    const segments: Segment[] = [{ bytes: Uint8Array.of(commandClass, command) }];
    if (data.length > 0) segments.push({ bytes: Uint8Array.from(data) });
    const { data: answer } = await this.controlRing.send([...segments, { room }]);
    return answer[0] ?? NetAck.error;
  }

  get controlRing(): MockQueue {
    const isMultiQueue = (this.acceptedFeatures & this.device.features & NetFeature.mq) !== 0n;
    return this.ring(isMultiQueue ? this.device.queueSizes.length - 1 : 2);
  }
}

export interface NetPair {
  readonly left: NetDriver;
  readonly right: NetDriver;
  readonly backends: readonly [PairBackend, PairBackend];
}

/** Two devices on one cable, closed with the test. */
export function connect(
  pairOptions: PairOptions = {},
  driverOptions: RingDriverOptions = {},
  deviceOptions: Partial<NetworkDeviceOptions> = {},
): NetPair {
  const backends = PairBackend.connected(pairOptions);
  const [left, right] = backends.map((backend) => NetDriver.open({ ...deviceOptions, backend }, driverOptions));
  return { left: left!, right: right!, backends };
}

/** Lets everything that is due on the event loop happen. */
export async function settle(turns = 5): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}
