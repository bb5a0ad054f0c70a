/** One TCP connection from behind a network device to the kernel: no retransmission, everything in order. */
import { Gso, PacketFlag } from 'ioregion/virtio';
import {
  type Endpoint,
  parseTcp,
  type Segment,
  TCP_CHECKSUM_OFFSET,
  TcpFlag,
  TRANSPORT_OFFSET,
  tcpFrame,
} from './internet.js';
import type { HeaderFields, NetDriver, Received } from './net-driver.js';

const MSS = 1448;
const HEADERS = TRANSPORT_OFFSET + 20;
const BUFFERS = 200;
const BUFFER_BYTES = 2048;

/** What the kernel is to do with a segment that the guest leaves unfinished. */
const offload: HeaderFields = {
  flags: PacketFlag.needsCsum,
  csumStart: TRANSPORT_OFFSET,
  csumOffset: TCP_CHECKSUM_OFFSET,
};

export class TcpClient {
  readonly #driver: NetDriver;
  readonly #guest: Endpoint;
  readonly #host: Endpoint;
  #seq = 1000;
  #ack = 0;
  /** Packets that came in with data. */
  readonly dataPackets: Received[] = [];

  constructor(driver: NetDriver, guest: Endpoint, host: Endpoint) {
    this.#driver = driver;
    this.#guest = guest;
    this.#host = host;
    driver.post(BUFFERS, BUFFER_BYTES);
  }

  async connect(): Promise<void> {
    await this.#send(TcpFlag.syn);
    this.#seq++;
    const answer = await this.#next();
    this.#ack = answer.seq + 1;
    await this.#send(TcpFlag.ack);
  }

  /** Sends `data` in segments of up to `size` bytes, which the kernel cuts up where they are larger than one packet. */
  async upload(data: Uint8Array, size: number): Promise<void> {
    for (let at = 0; at < data.length; at += size) {
      const payload = data.subarray(at, at + size);
      const gso = payload.length > MSS ? { gsoType: Gso.tcpv4, gsoSize: MSS, hdrLen: HEADERS } : {};
      const fields = { ...offload, ...gso };
      const packet = tcpFrame(this.#guest, this.#host, this.#fields(TcpFlag.ack | TcpFlag.psh), payload, {
        partial: true,
      });
      await this.#driver.transmit(packet, fields);
      this.#seq += payload.length;
      while ((await this.#next()).ack < this.#seq);
    }
    await this.#send(TcpFlag.fin | TcpFlag.ack);
  }

  /** All that comes until the other end has no more. */
  async download(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let last = false; !last; ) {
      const { payload, flags } = await this.#next();
      last = (flags & TcpFlag.fin) !== 0;
      parts.push(payload);
      if (payload.length > 0 || last) await this.#send(TcpFlag.ack);
    }
    return Uint8Array.from(Buffer.concat(parts));
  }

  #fields(flags: number) {
    return { seq: this.#seq, ack: this.#ack, flags };
  }

  async #send(flags: number): Promise<void> {
    await this.#driver.transmit(tcpFrame(this.#guest, this.#host, this.#fields(flags)));
  }

  /** The next segment of the connection that is in order. */
  async #next(): Promise<Segment> {
    for (;;) {
      const received = await this.#driver.receive();
      this.#driver.post(received.buffers.length, BUFFER_BYTES);
      const segment = parseTcp(received.packet);
      if (segment === null || segment.toPort !== this.#guest.port) continue;
      if ((segment.flags & TcpFlag.syn) === 0 && segment.seq !== this.#ack) continue;
      if (segment.payload.length > 0) this.dataPackets.push(received);
      this.#ack += segment.payload.length + ((segment.flags & TcpFlag.fin) === 0 ? 0 : 1);
      return segment;
    }
  }
}
