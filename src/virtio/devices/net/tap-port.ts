/** One queue of a TAP device as one pair of virtqueues uses it. */
import { FdWatch, type TapQueue, WatchEvent } from '../../../native/index.js';
import { type NetPort, type PortListener, SendOutcome } from './backend.js';
import type { OutgoingPacket } from './outgoing-packet.js';
import type { ReceiveBuffers } from './receive-buffers.js';

const EAGAIN = 11;

export class TapPort implements NetPort {
  readonly #fd: number;
  readonly #watch: FdWatch;
  readonly #listener: PortListener;
  /** Bits of WatchEvent. */
  #wanted = 0;

  constructor(queue: TapQueue, listener: PortListener) {
    this.#fd = queue.number;
    this.#listener = listener;
    this.#watch = new FdWatch(queue, (status, events) => this.#onReady(status, events));
    this.#watch.select(0);
  }

  send(packet: OutgoingPacket): SendOutcome {
    const result = packet.writeTo(this.#fd);
    if (result >= 0) return SendOutcome.sent;
    return result === -EAGAIN ? SendOutcome.full : SendOutcome.refused;
  }

  /** A device that is down, or gone, has no packets. */
  receive(buffers: ReceiveBuffers): number {
    return Math.max(0, buffers.readFrom(this.#fd));
  }

  waitReadable(on: boolean): void {
    this.#want(WatchEvent.readable, on);
  }

  waitWritable(on: boolean): void {
    this.#want(WatchEvent.writable, on);
  }

  close(): void {
    this.#watch.close();
  }

  #want(event: number, on: boolean): void {
    const wanted = on ? this.#wanted | event : this.#wanted & ~event;
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#watch.select(wanted);
  }

  /** Once the device has gone, nothing is ever ready again. */
  #onReady(status: number, events: number): void {
    if (status < 0) {
      this.#listener.lost('the TAP device has gone');
      return;
    }
    if ((events & WatchEvent.writable) !== 0) this.#listener.writable();
    if ((events & WatchEvent.readable) !== 0) this.#listener.readable();
  }
}
