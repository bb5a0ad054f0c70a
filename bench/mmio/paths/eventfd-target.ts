/** A device thread that KVM signals through an eventfd. */
import { native } from '../../../src/native/index.js';
import type { DeviceCounts } from '../bench-device.js';
import type { Target } from '../target.js';
import type { EventfdLink } from './eventfd-device.js';
import { SETTLE, SignalWord } from './eventfd-signals.js';

export class EventfdTarget implements Target {
  readonly #eventfd: number;
  readonly #words: Int32Array;

  constructor({ eventfd, shared }: EventfdLink) {
    this.#eventfd = eventfd;
    this.#words = new Int32Array(shared);
  }

  settle(): void {
    const before = Atomics.load(this.#words, SignalWord.published);
    native.eventfdWrite(this.#eventfd, SETTLE);
    Atomics.wait(this.#words, SignalWord.published, before);
  }

  counts(): Partial<DeviceCounts> {
    return { writes: Atomics.load(this.#words, SignalWord.signals) };
  }

  close(): void {}
}
