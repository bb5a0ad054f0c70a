/**
 * Cuts a byte stream (a STREAM socket, a pipe) into 32-byte messages. A SEQPACKET socket keeps messages apart by
 * itself and needs none of this.
 */
import { WireFault } from './fault.js';
import { MESSAGE_SIZE } from './layout.js';

/**
 * Collects up to `capacity` messages in a fixed area that a `CommandView` can be bound to; it never grows. Use:
 * `push` bytes, handle the first `messages` messages of `area`, `clear` them, push what did not fit.
 */
export class MessageFramer {
  /** `capacity` messages of 32 bytes. */
  readonly area: ArrayBuffer;
  readonly #bytes: Uint8Array;
  #filled = 0;

  constructor(capacity: number) {
    this.area = new ArrayBuffer(capacity * MESSAGE_SIZE);
    this.#bytes = new Uint8Array(this.area);
  }

  /** Complete messages at the start of `area`. */
  get messages(): number {
    return Math.floor(this.#filled / MESSAGE_SIZE);
  }

  /** Takes bytes until the area is full; returns how many of them. */
  push(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.#bytes.length - this.#filled);
    this.#bytes.set(bytes.subarray(0, taken), this.#filled);
    this.#filled += taken;
    return taken;
  }

  /** Drops the complete messages and moves the start of the next one to the front. */
  clear(): void {
    const complete = this.messages * MESSAGE_SIZE;
    this.#bytes.copyWithin(0, complete, this.#filled);
    this.#filled -= complete;
  }

  /** At the end of the stream: a fault where it ended inside a message. */
  end(): WireFault {
    return this.#filled % MESSAGE_SIZE === 0 ? WireFault.none : WireFault.messageLength;
  }
}
