/** A network that a test plays by hand: what the device sends is kept, and it receives what the test puts in. */
import {
  type NetBackend,
  type NetBackendSettings,
  type NetPort,
  type NetPortListener,
  SendOutcome,
} from 'ioregion/virtio';

type OutgoingPacket = Parameters<NetPort['send']>[0];
type ReceiveBuffers = Parameters<NetPort['receive']>[0];

export interface SentPacket {
  readonly pair: number;
  readonly header: Uint8Array;
  readonly packet: Uint8Array;
}

export class StubNetwork implements NetBackend {
  readonly queuePairs: number;
  readonly offloads: bigint;
  readonly sent: SentPacket[] = [];
  /** What the device has told it, in order. */
  readonly calls: string[] = [];
  settings: NetBackendSettings | undefined;
  activePairs = 0;
  guestOffloads = 0n;
  /** What becomes of packets. */
  outcome: SendOutcome = SendOutcome.sent;
  /** Runs before a packet is copied. */
  onSend: (packet: OutgoingPacket) => void = () => {};
  onReceive: () => void = () => {};
  onOffloads: () => void = () => {};
  readonly ports: StubPort[] = [];

  constructor({ queuePairs = 1, offloads = 0n } = {}) {
    this.queuePairs = queuePairs;
    this.offloads = offloads;
  }

  start(settings: NetBackendSettings, listeners: readonly NetPortListener[]): readonly NetPort[] {
    this.calls.push('start');
    this.settings = settings;
    this.ports.splice(0, this.ports.length, ...listeners.map((listener, pair) => new StubPort(this, pair, listener)));
    return this.ports;
  }

  setGuestOffloads(offloads: bigint): void {
    this.onOffloads();
    this.guestOffloads = offloads;
  }

  setActivePairs(count: number): void {
    this.activePairs = count;
  }

  stop(): void {
    this.calls.push('stop');
  }

  close(): void {
    this.calls.push('close');
  }
}

export class StubPort implements NetPort {
  readonly listener: NetPortListener;
  readonly #network: StubNetwork;
  readonly #pair: number;
  /** Packets to come, with their headers. */
  readonly #incoming: Uint8Array[] = [];
  readable = false;
  writable = false;

  constructor(network: StubNetwork, pair: number, listener: NetPortListener) {
    this.#network = network;
    this.#pair = pair;
    this.listener = listener;
  }

  get waiting(): number {
    return this.#incoming.length;
  }

  /** A packet comes in; the device is told if it wants to know. */
  inject(header: Uint8Array, packet: Uint8Array): void {
    this.#incoming.push(Uint8Array.from([...header, ...packet]));
    if (this.readable) this.listener.readable();
  }

  send(packet: OutgoingPacket): SendOutcome {
    this.#network.onSend(packet);
    if (this.#network.outcome === SendOutcome.sent) {
      const bytes = new Uint8Array(packet.byteLength);
      packet.copyTo(bytes);
      this.#network.sent.push({ pair: this.#pair, header: packet.header.slice(), packet: bytes });
    }
    return this.#network.outcome;
  }

  receive(buffers: ReceiveBuffers): number {
    this.#network.onReceive();
    const bytes = this.#incoming.shift();
    if (bytes === undefined) return 0;
    buffers.copyFrom(bytes, 0);
    return bytes.length;
  }

  waitReadable(on: boolean): void {
    this.readable = on;
  }

  waitWritable(on: boolean): void {
    this.writable = on;
  }
}
