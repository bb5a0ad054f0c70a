/** A place in a packed ring: an offset and its wrap counter (2.8.1). */
import { RingPosition } from '../../virtio/index.js';

export class RingCursor {
  index: number;
  wrapped: boolean;
  readonly #size: number;

  /** `position` as in event suppression: the wrap counter in bit 15. */
  constructor(size: number, position: number) {
    this.#size = size;
    this.index = position & RingPosition.offsetMask;
    this.wrapped = (position & RingPosition.wrap) !== 0;
  }

  get position(): number {
    return this.after(0);
  }

  /** The position `count` descriptors, at most a lap, further on. */
  after(count: number): number {
    const index = this.index + count;
    const wrapped = this.wrapped !== index >= this.#size;
    return (index % this.#size) | (wrapped ? RingPosition.wrap : 0);
  }

  advance(count: number): void {
    this.index += count;
    if (this.index < this.#size) return;
    this.index -= this.#size;
    this.wrapped = !this.wrapped;
  }

  /** The offset of a position as counted in this lap: negative in the one before. */
  relative(position: number): number {
    const sameLap = ((position & RingPosition.wrap) !== 0) === this.wrapped;
    return (position & RingPosition.offsetMask) - (sameLap ? 0 : this.#size);
  }
}
