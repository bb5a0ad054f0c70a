/** The wiring of eventfds in the VMM's own process: irqfds whose GSIs are routed to the driver's messages. */
import type { MsiMessage } from '../../kvm/index.js';
import type { InterruptWiring } from './eventfd-sink.js';
import type { GsiRoutes } from './gsi-routes.js';
import type { PinDescription } from './interrupt-sink.js';
import type { VmInterrupts } from './kvm-sink.js';

/** INTA# of one function, wired to a GSI that no other function shares. */
export interface GsiPin {
  readonly interrupts: Pick<VmInterrupts, 'setLine'>;
  /** Number of the VM's descriptor. */
  readonly vm: number;
  readonly gsi: number;
}

export class GsiWiring implements InterruptWiring {
  readonly setPin?: (asserted: boolean) => void;
  readonly #routes: GsiRoutes;
  readonly #firstGsi: number;
  readonly #pin: GsiPin | null;

  /** The irqfd of vector n has GSI `firstGsi + n`. */
  constructor(routes: GsiRoutes, firstGsi: number, pin: GsiPin | null = null) {
    this.#routes = routes;
    this.#firstGsi = firstGsi;
    this.#pin = pin;
    if (pin !== null) this.setPin = (asserted) => pin.interrupts.setLine(pin.gsi, asserted);
  }

  route(vector: number, message: MsiMessage): void {
    this.#routes.set(this.#firstGsi + vector, message);
  }

  describePin(): PinDescription | null {
    return this.#pin === null ? null : { kind: 'gsi', vm: this.#pin.vm, gsi: this.#pin.gsi };
  }
}
