/** Interrupts by ioctl on the VM: for threads of the VMM's own process. */
import type { MsiMessage } from '../../kvm/index.js';
import type { InterruptSink, SinkDescription } from './interrupt-sink.js';

/** What a sink needs of `vm.interrupts`. */
export interface VmInterrupts {
  signalMsi(message: MsiMessage): boolean;
  setLine(gsi: number, high: boolean): void;
}

export interface KvmSinkOptions {
  readonly interrupts: VmInterrupts;
  /** Number of the VM's descriptor, so that Workers can use it too. */
  readonly vm: number;
  /** The GSI that INTA# of this function is wired to, shared with no other; null for none. */
  readonly pinGsi?: number | null;
}

/** Sends messages with KVM_SIGNAL_MSI, which needs no route, and drives the pin with KVM_IRQ_LINE. */
export class KvmSink implements InterruptSink {
  readonly setPin?: (asserted: boolean) => void;
  readonly #interrupts: VmInterrupts;
  readonly #vm: number;
  readonly #pinGsi: number | null;

  constructor({ interrupts, vm, pinGsi = null }: KvmSinkOptions) {
    this.#interrupts = interrupts;
    this.#vm = vm;
    this.#pinGsi = pinGsi;
    if (pinGsi !== null) this.setPin = (asserted) => interrupts.setLine(pinGsi, asserted);
  }

  signal(_vector: number, message: MsiMessage): void {
    this.#interrupts.signalMsi(message);
  }

  describe(): SinkDescription {
    return { kind: 'kvm', vm: this.#vm, pinGsi: this.#pinGsi };
  }
}
