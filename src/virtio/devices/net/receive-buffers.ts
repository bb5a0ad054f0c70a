/** Receive buffers that the driver has posted, in order: where the next packet goes. */

import { Mapping, PAGE_SIZE } from '../../../native/index.js';
import type { Chain } from '../../queue/index.js';
import { GuestVector } from '../guest-vector.js';
import { MAX_PACKET_BYTES, NUM_BUFFERS_OFFSET, PacketHeader } from './packet.js';

/** Of one buffer. Together with those held before, it fits one system call. */
const MAX_SEGMENTS = 511;
/** Bytes that show that a packet was longer than the buffers: the kernel cuts it off silently. */
const OVERFLOW_BYTES = 1;

export interface ReceiveLayout {
  readonly headerBytes: number;
  /** A packet may fill several buffers. */
  readonly mergeable: boolean;
}

export class ReceiveBuffers {
  readonly #layout: ReceiveLayout;
  readonly #vector = new GuestVector();
  readonly #overflow = Mapping.anonymous(PAGE_SIZE);
  /** In a ring: the first of `#count` is at `#first`. */
  readonly #chains: (Chain | null)[];
  #first = 0;
  #count = 0;
  #byteLength = 0;
  readonly #numBuffers = new Uint8Array(2);

  /** `capacity`: the size of the queue. */
  constructor(capacity: number, layout: ReceiveLayout) {
    this.#chains = Array<Chain | null>(capacity).fill(null);
    this.#layout = layout;
  }

  /** Of all buffers, in bytes. */
  get byteLength(): number {
    return this.#byteLength;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** More buffers would be of no use for the next packet. */
  get isFull(): boolean {
    if (!this.#layout.mergeable) return this.#count > 0;
    const wanted = this.#layout.headerBytes + MAX_PACKET_BYTES;
    return this.#byteLength >= wanted || this.#vector.segmentCount >= MAX_SEGMENTS;
  }

  /** Takes a buffer; false where it cannot hold the start of a packet, or comes in too many pieces (5.1.6.3.1). */
  add(chain: Chain): boolean {
    const { writable } = chain;
    if (writable.byteLength < this.#layout.headerBytes || writable.segmentCount > MAX_SEGMENTS) return false;
    this.#vector.append(writable);
    this.#chains[(this.#first + this.#count++) % this.#chains.length] = chain;
    this.#byteLength += writable.byteLength;
    return true;
  }

  /** Reads a packet: its length, more than `byteLength` where it did not fit, or a negative errno. */
  readFrom(fd: number): number {
    this.#vector.appendMapping(this.#overflow, 0, OVERFLOW_BYTES);
    const length = this.#vector.readFrom(fd);
    this.#vector.dropLast(1);
    return length;
  }

  /** Copies the start of what was put in to `target`. */
  copyTo(target: Uint8Array): void {
    let done = this.#at(0).writable.copyTo(target);
    for (let i = 1; done < target.length && i < this.#count; i++)
      done += this.#at(i).writable.copyTo(target.subarray(done));
  }

  /** Copies `source` to position `at`, as far as it fits. */
  copyFrom(source: Uint8Array, at: number): void {
    let position = at;
    let left = source;
    for (let i = 0; left.length > 0 && i < this.#count; i++) {
      const { writable } = this.#at(i);
      const copied = writable.copyFrom(left, position);
      if (copied > 0) left = left.subarray(copied);
      position = Math.max(0, position - writable.byteLength);
    }
  }

  /** Clears the flags of the header. */
  clearFlags(): void {
    this.#at(0).writable.fill(0, PacketHeader.flags, 1);
  }

  /** Gives the driver a packet of `length` bytes, header included: all buffers but the last one are full (5.1.6.4.1). */
  complete(length: number): void {
    this.#setNumBuffers(this.#buffersFor(length));
    for (let left = length; left > 0; ) {
      const used = Math.min(left, this.#at(0).writable.byteLength);
      this.#shift().complete(used);
      left -= used;
    }
  }

  /** Gives all buffers back without a packet, and lets go of guest memory. */
  release(): void {
    while (this.#count > 0) this.#shift().complete(0);
    this.#vector.detach();
    this.#overflow.unmap();
  }

  #at(index: number): Chain {
    return this.#chains[(this.#first + index) % this.#chains.length]!;
  }

  #buffersFor(length: number): number {
    let count = 0;
    for (let left = length; left > 0; count++) left -= this.#at(count).writable.byteLength;
    return count;
  }

  #setNumBuffers(count: number): void {
    if (this.#layout.headerBytes <= NUM_BUFFERS_OFFSET) return;
    this.#numBuffers[0] = count & 0xff;
    this.#numBuffers[1] = count >>> 8;
    this.#at(0).writable.copyFrom(this.#numBuffers, NUM_BUFFERS_OFFSET);
  }

  #shift(): Chain {
    const chain = this.#at(0);
    this.#chains[this.#first] = null;
    this.#first = (this.#first + 1) % this.#chains.length;
    this.#count--;
    this.#byteLength -= chain.writable.byteLength;
    this.#vector.dropFirst(chain.writable.segmentCount);
    return chain;
  }
}
