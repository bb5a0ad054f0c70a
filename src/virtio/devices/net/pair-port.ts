/** One pair of queues at one end of a cable in memory. */
import { type NetPort, type PortListener, SendOutcome } from './backend.js';
import type { OutgoingPacket } from './outgoing-packet.js';
import { PacketSlots } from './packet-slots.js';
import type { ReceiveBuffers } from './receive-buffers.js';

export class PairPort implements NetPort {
  readonly #inbox: PacketSlots;
  readonly #headerBytes: number;
  readonly #listener: PortListener;
  readonly #deliver: (packet: OutgoingPacket) => void;
  #waiting = false;
  #scheduled = false;
  #closed = false;

  /** `deliver` takes packets to the other end. */
  constructor(
    capacity: number,
    headerBytes: number,
    listener: PortListener,
    deliver: (packet: OutgoingPacket) => void,
  ) {
    this.#inbox = new PacketSlots(capacity);
    this.#headerBytes = headerBytes;
    this.#listener = listener;
    this.#deliver = deliver;
  }

  /** False where the inbox is full. */
  accept(packet: OutgoingPacket): boolean {
    const accepted = this.#inbox.push(packet);
    this.#schedule();
    return accepted;
  }

  /** A cable is never full: what the other end has no room for is lost there. */
  send(packet: OutgoingPacket): SendOutcome {
    this.#deliver(packet);
    return SendOutcome.sent;
  }

  receive(buffers: ReceiveBuffers): number {
    const slot = this.#inbox.shift();
    if (slot === null) return 0;
    buffers.copyFrom(slot.header.subarray(0, this.#headerBytes), 0);
    buffers.copyFrom(slot.packet, this.#headerBytes);
    return this.#headerBytes + slot.packetBytes;
  }

  waitReadable(on: boolean): void {
    this.#waiting = on;
    this.#schedule();
  }

  /** It always is. */
  waitWritable(): void {}

  close(): void {
    this.#closed = true;
  }

  #schedule(): void {
    if (this.#scheduled || !this.#waiting || this.#inbox.isEmpty) return;
    this.#scheduled = true;
    setImmediate(() => this.#onTurn());
  }

  #onTurn(): void {
    this.#scheduled = false;
    if (!this.#closed && this.#waiting && !this.#inbox.isEmpty) this.#listener.readable();
    this.#schedule();
  }
}
