/** Interrupts by ioctl on the VM: for threads of the VMM's own process. */
import type { MsiMessage } from '../../kvm/index.js';
import type { InterruptSink, SinkDescription } from './interrupt-sink.js';
import type { SignalledMessage } from './interrupt-state.js';

/** What a sink needs of `vm.interrupts`. */
export interface VmInterrupts {
  prepareMsi(message: MsiMessage): () => boolean;
  setLine(gsi: number, high: boolean): void;
}

export interface KvmSinkOptions {
  readonly interrupts: VmInterrupts;
  /** Number of the VM's descriptor, so that Workers can use it too. */
  readonly vm: number;
  /** The GSI that INTA# of this function is wired to, shared with no other; null for none. */
  readonly pinGsi?: number | null;
}

/** A message of a vector as it was last sent. */
interface Prepared {
  readonly addressLow: number;
  readonly addressHigh: number;
  readonly data: number;
  readonly send: () => boolean;
}

/** Sends messages with KVM_SIGNAL_MSI, which needs no route, and drives the pin with KVM_IRQ_LINE. */
export class KvmSink implements InterruptSink {
  readonly setPin?: (asserted: boolean) => void;
  readonly #interrupts: VmInterrupts;
  readonly #vm: number;
  readonly #pinGsi: number | null;
  /** By vector. */
  readonly #prepared: Prepared[] = [];

  constructor({ interrupts, vm, pinGsi = null }: KvmSinkOptions) {
    this.#interrupts = interrupts;
    this.#vm = vm;
    this.#pinGsi = pinGsi;
    if (pinGsi !== null) this.setPin = (asserted) => interrupts.setLine(pinGsi, asserted);
  }

  signal(vector: number, message: SignalledMessage): void {
    const last = this.#prepared[vector];
    const prepared = last !== undefined && isSame(last, message) ? last : this.#prepare(vector, message);
    prepared.send();
  }

  describe(): SinkDescription {
    return { kind: 'kvm', vm: this.#vm, pinGsi: this.#pinGsi };
  }

  #prepare(vector: number, message: SignalledMessage): Prepared {
    const { addressLow, addressHigh, data } = message;
    const prepared = { addressLow, addressHigh, data, send: this.#interrupts.prepareMsi(message) };
    this.#prepared[vector] = prepared;
    return prepared;
  }
}

function isSame(last: Prepared, { addressLow, addressHigh, data }: SignalledMessage): boolean {
  return last.addressLow === addressLow && last.addressHigh === addressHigh && last.data === data;
}
