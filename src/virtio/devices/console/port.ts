/** One port: its backend, and what driver and device have told each other about it. */
import type { TerminalSize } from '../../../native/index.js';
import type { ConsoleBackend } from './backend.js';
import { ControlEvent, encodeControlMessage, encodeSize } from './control-message.js';
import type { CheckedPort } from './options.js';

/** Messages that the driver is still to get, at most one of each kind: bits, in the order in which they go. */
export const Pending = { add: 1, console: 2, name: 4, resize: 8, open: 16 } as const;
export const ALL_PENDING = 31;

/** Plain data. */
export interface SavedPort {
  /** The driver knows the port. */
  added: boolean;
  /** The driver has set it up. */
  ready: boolean;
  /** Somebody in the guest has it open. */
  guestOpen: boolean;
  /** Bits of Pending. */
  pending: number;
}

export class Port {
  readonly index: number;
  readonly backend: ConsoleBackend;
  readonly #isConsole: boolean;
  readonly #name: Uint8Array;
  size: TerminalSize | null;
  /** Bits of Pending. */
  #pending = 0;
  #added = false;
  #ready = false;
  #guestOpen = false;

  constructor(index: number, { backend, isConsole, name }: CheckedPort) {
    this.index = index;
    this.backend = backend;
    this.size = backend.size;
    this.#isConsole = isConsole;
    this.#name = name;
  }

  get guestOpen(): boolean {
    return this.#guestOpen;
  }

  get hasMessage(): boolean {
    return this.#pending !== 0;
  }

  /** The driver can take messages: it is told of the port, once (5.3.6.2.1). */
  announce(): void {
    if (!this.#added) this.#pending |= Pending.add;
    this.#added = true;
  }

  /** The driver has set the port up, or could not. False where it has not been told of the port. */
  setReady(ready: boolean): boolean {
    if (ready && this.#added && !this.#ready) this.#introduce();
    this.#ready = ready && this.#added;
    if (!ready) this.#pending &= Pending.add;
    return this.#added;
  }

  /** False where the driver has not set the port up. */
  setGuestOpen(open: boolean): boolean {
    this.#guestOpen = open && this.#ready;
    return this.#ready;
  }

  /** The driver is to learn whether somebody is there. */
  tellOpen(): void {
    if (this.#ready && !this.#isConsole) this.#pending |= Pending.open;
  }

  /** The driver is to learn the size of a console. */
  tellSize(): void {
    if (this.#ready && this.#isConsole && this.size !== null) this.#pending |= Pending.resize;
  }

  /** The next message for the driver, which stays pending until `sent`; null where there is none. */
  nextMessage(): Uint8Array | null {
    const { index: id, size } = this;
    switch (this.#nextPending) {
      case Pending.add:
        return encodeControlMessage({ id, event: ControlEvent.portAdd, value: 1 });
      case Pending.console:
        return encodeControlMessage({ id, event: ControlEvent.consolePort, value: 1 });
      case Pending.name:
        return encodeControlMessage({ id, event: ControlEvent.portName, value: 1 }, this.#name);
      case Pending.resize:
        return encodeControlMessage({ id, event: ControlEvent.resize, value: 0 }, encodeSize(size!));
      case Pending.open:
        return encodeControlMessage({ id, event: ControlEvent.portOpen, value: this.#hostOpen ? 1 : 0 });
      default:
        return null;
    }
  }

  /** The driver has the message of `nextMessage`. */
  sent(): void {
    this.#pending &= ~this.#nextPending;
  }

  /** As a driver finds it. */
  reset(): void {
    this.#pending = 0;
    this.#added = false;
    this.#ready = false;
    this.#guestOpen = false;
  }

  save(): SavedPort {
    return { added: this.#added, ready: this.#ready, guestOpen: this.#guestOpen, pending: this.#pending };
  }

  /** The shape has been checked. The outside may have changed: the driver is told again how it is. */
  restore({ added, ready, guestOpen, pending }: SavedPort): void {
    this.#added = added;
    this.#ready = ready;
    this.#guestOpen = guestOpen;
    this.#pending = pending;
    this.tellSize();
    this.tellOpen();
  }

  #introduce(): void {
    this.#ready = true;
    if (this.#isConsole) this.#pending |= Pending.console;
    if (this.#name.length > 0) this.#pending |= Pending.name;
    this.tellSize();
    if (this.#hostOpen) this.#pending |= Pending.open;
  }

  /** The lowest bit. */
  get #nextPending(): number {
    return this.#pending & -this.#pending;
  }

  /** A console takes output at all times: what nobody sees is discarded. */
  get #hostOpen(): boolean {
    return this.#isConsole || this.backend.connected;
  }
}
