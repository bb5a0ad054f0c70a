/** Packets that wait in memory: a bounded first-in first-out queue of copies. */
import type { OutgoingPacket } from './outgoing-packet.js';
import { MAX_HEADER_BYTES, MAX_PACKET_BYTES } from './packet.js';

/** Room of a slot until a longer packet comes: an Ethernet frame and its header, rounded up. In bytes. */
const SMALL_SLOT_BYTES = 2048;

class Slot {
  #bytes = new Uint8Array(SMALL_SLOT_BYTES);
  readonly header = new Uint8Array(MAX_HEADER_BYTES);
  packetBytes = 0;

  fill(packet: OutgoingPacket): void {
    this.packetBytes = packet.byteLength;
    if (this.packetBytes > this.#bytes.length) this.#bytes = new Uint8Array(MAX_PACKET_BYTES);
    this.header.fill(0).set(packet.header);
    packet.copyTo(this.#bytes);
  }

  get packet(): Uint8Array {
    return this.#bytes.subarray(0, this.packetBytes);
  }
}

export class PacketSlots {
  readonly #slots: Slot[];
  #first = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#slots = Array.from({ length: capacity }, () => new Slot());
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** False where there is no room. */
  push(packet: OutgoingPacket): boolean {
    if (this.#count === this.#slots.length) return false;
    this.#slots[(this.#first + this.#count++) % this.#slots.length]!.fill(packet);
    return true;
  }

  /** The packet that has waited longest, valid until the next push; null where there is none. */
  shift(): Slot | null {
    if (this.#count === 0) return null;
    const slot = this.#slots[this.#first]!;
    this.#first = (this.#first + 1) % this.#slots.length;
    this.#count--;
    return slot;
  }

  clear(): void {
    this.#count = 0;
  }
}
