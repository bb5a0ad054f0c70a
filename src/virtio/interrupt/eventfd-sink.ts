/** Interrupts by eventfds, one per vector, each bound to an irqfd of the VM: for Workers and for other processes. */
import type { MsiMessage } from '../../kvm/index.js';
import type { EventFd } from '../../native/index.js';
import type { InterruptSink, PinDescription, SinkDescription } from './interrupt-sink.js';

/** How messages reach the routing table of the VM, and the pin its line. */
export interface InterruptWiring {
  /** Returns once signals of the vector's eventfd send this message. */
  route(vector: number, message: MsiMessage): void;
  setPin?(asserted: boolean): void;
  /** How a Worker drives the same pin; null for none. */
  describePin(): PinDescription | null;
}

export class EventfdSink implements InterruptSink {
  readonly setPin?: (asserted: boolean) => void;
  readonly #eventfds: readonly EventFd[];
  readonly #wiring: InterruptWiring;

  /** `eventfds[vector]` belongs to the caller, who keeps it open. */
  constructor(eventfds: readonly EventFd[], wiring: InterruptWiring) {
    this.#eventfds = eventfds;
    this.#wiring = wiring;
    if (wiring.setPin !== undefined) this.setPin = (asserted) => wiring.setPin?.(asserted);
  }

  signal(vector: number): void {
    this.#eventfds[vector]?.signal();
  }

  route(vector: number, message: MsiMessage): void {
    this.#wiring.route(vector, message);
  }

  describe(): SinkDescription {
    const eventfds = this.#eventfds.map((eventfd) => eventfd.number);
    return { kind: 'eventfds', eventfds, pin: this.#wiring.describePin() };
  }
}
