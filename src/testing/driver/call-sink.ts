/** Interrupts that arrive at a mock driver: vector 0 is configuration changes, vector n + 1 queue n. */
import type { InterruptSink } from '../../virtio/index.js';
import type { DriverEvents } from './driver-transport.js';

export class CallSink implements InterruptSink {
  readonly #events: () => DriverEvents;

  /** `events` is asked at each interrupt. */
  constructor(events: () => DriverEvents) {
    this.#events = events;
  }

  signal(vector: number): void {
    if (vector === 0) this.#events().configChanged();
    else this.#events().called(vector - 1);
  }
}
