/** The two ends of a cable in memory: devices on one thread that talk to each other, for tests. */
import type { BackendSettings, NetBackend, PortListener } from './backend.js';
import type { OutgoingPacket } from './outgoing-packet.js';
import { PairPort } from './pair-port.js';

const DEFAULT_CAPACITY = 64;

export interface PairOptions {
  /** Of each end. Default 1. */
  queuePairs?: number;
  /** Packets that wait at each pair of queues for receive buffers; more are dropped. Default 64. */
  capacity?: number;
  /**
   * Offloads of the ends: packets pass as they are, and what the driver at the other end has not accepted is dropped there.
   * Default none.
   */
  offloads?: bigint;
}

export class PairBackend implements NetBackend {
  readonly queuePairs: number;
  readonly offloads: bigint;
  readonly #capacity: number;
  #other: PairBackend | undefined;
  #ports: PairPort[] = [];
  #activePairs = 0;
  #dropped = 0;

  private constructor({ queuePairs = 1, capacity = DEFAULT_CAPACITY, offloads = 0n }: PairOptions) {
    this.queuePairs = queuePairs;
    this.offloads = offloads;
    this.#capacity = capacity;
  }

  /** Both ends. */
  static connected(options: PairOptions = {}): [PairBackend, PairBackend] {
    const left = new PairBackend(options);
    const right = new PairBackend(options);
    left.#other = right;
    right.#other = left;
    return [left, right];
  }

  /** Packets that came to this end and found no room, or no driver. */
  get dropped(): number {
    return this.#dropped;
  }

  start({ headerBytes }: BackendSettings, listeners: readonly PortListener[]): readonly PairPort[] {
    this.#ports = listeners.map((listener, pair) => {
      const deliver = (packet: OutgoingPacket) => this.#other?.accept(pair, packet);
      return new PairPort(this.#capacity, headerBytes, listener, deliver);
    });
    return this.#ports;
  }

  /** Drivers get what the other end sends: their device drops what they have not accepted. */
  setGuestOffloads(): void {}

  setActivePairs(count: number): void {
    this.#activePairs = count;
  }

  stop(): void {
    for (const port of this.#ports) port.close();
    this.#ports = [];
    this.#activePairs = 0;
  }

  close(): void {
    this.stop();
    if (this.#other !== undefined) this.#other.#other = undefined;
    this.#other = undefined;
  }

  /** A packet from the same pair of the other end, which has no equal here where fewer are active. */
  private accept(pair: number, packet: OutgoingPacket): void {
    const port = this.#activePairs === 0 ? undefined : this.#ports[pair % this.#activePairs];
    if (port?.accept(packet) !== true) this.#dropped++;
  }
}
