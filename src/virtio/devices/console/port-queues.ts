/** The two queues of a port while they run, and what its backend makes them do. */
import type { TerminalSize } from '../../../native/index.js';
import type { DeviceHost } from '../../device.js';
import type { VirtQueue } from '../../queue/index.js';
import type { ConsoleListener } from './backend.js';
import type { ConsoleCounters } from './counters.js';
import { InputQueue } from './input-queue.js';
import { OutputQueue } from './output-queue.js';
import type { Port } from './port.js';
import { isInput } from './queue-layout.js';

export interface PortEvents {
  /** The driver is to get a message. */
  messagePending(): void;
  resized(port: Port, size: TerminalSize): void;
}

export class PortQueues implements ConsoleListener {
  readonly port: Port;
  readonly #counters: ConsoleCounters;
  readonly #events: PortEvents;
  #input: InputQueue | undefined;
  #output: OutputQueue | undefined;
  #needsOpen = false;

  constructor(port: Port, counters: ConsoleCounters, events: PortEvents) {
    this.port = port;
    this.#counters = counters;
    this.#events = events;
  }

  /** `multiport`: the driver says when somebody in the guest has the port open. */
  activate(multiport: boolean): void {
    this.#needsOpen = multiport;
    this.port.backend.start(this);
  }

  start(index: number, queue: VirtQueue, host: DeviceHost): void {
    if (isInput(index)) this.#input = new InputQueue(queue, this.port, this.#counters, this.#needsOpen);
    else this.#output = new OutputQueue(queue, this.port.backend, this.#counters, host);
  }

  kick(index: number): void {
    if (isInput(index)) this.#input?.kick();
    else this.#output?.kick();
  }

  stop(index: number): void {
    if (isInput(index)) {
      this.#input?.stop();
      this.#input = undefined;
    } else {
      this.#output?.stop();
      this.#output = undefined;
    }
  }

  reset(): void {
    this.port.reset();
    this.port.backend.stop();
  }

  /** Somebody in the guest has opened or closed the port. */
  guestOpenChanged(): void {
    this.#input?.kick();
  }

  readable(): void {
    this.#input?.onReadable();
  }

  writable(): void {
    this.#output?.onWritable();
  }

  /** What waited for room goes out, or is discarded. */
  connectionChanged(): void {
    this.#output?.onWritable();
    this.port.tellOpen();
    this.#events.messagePending();
  }

  resized(size: TerminalSize): void {
    this.#events.resized(this.port, size);
  }
}
