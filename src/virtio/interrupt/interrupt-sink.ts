/** The seam to whatever delivers interrupts: KVM in this process, eventfds bound to irqfds, or a recorder. */
import type { MsiMessage } from '../../kvm/index.js';
import type { SignalledMessage } from './interrupt-state.js';

/**
 * Calls for one vector, and those for the pin, never overlap, whatever the thread they come from. A call that throws is
 * counted: the interrupt is lost, the device goes on.
 */
export interface InterruptSink {
  /** Sends the message of a vector. `message` is valid during the call only. */
  signal(vector: number, message: SignalledMessage): void;
  /** The message that later signals of the vector stand for. For sinks that have to arrange for it first. */
  route?(vector: number, message: MsiMessage): void;
  /** Level of INTA#. Where absent, the function has no pin. */
  setPin?(asserted: boolean): void;
  /** How a Worker of this process opens the same sink. Where absent, the sink stays on its thread. */
  describe?(): SinkDescription;
}

/** Plain data; the numbers are of open files of this process, which stay open while the sink is used. */
export type SinkDescription =
  | { readonly kind: 'kvm'; readonly vm: number; readonly pinGsi: number | null }
  | { readonly kind: 'eventfds'; readonly eventfds: readonly number[]; readonly pin: PinDescription | null };

/** A pin of a VM of this process, or of one at the other end of a VM link. */
export type PinDescription =
  | { readonly kind: 'gsi'; readonly vm: number; readonly gsi: number }
  | { readonly kind: 'link'; readonly socket: number };
