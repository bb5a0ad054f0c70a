/** The outside of the UART: what the guest sends goes to a stream, what comes from a stream goes to the guest. */
import type { Readable, Writable } from 'node:stream';
import { EventFd, FdWatch } from '../../../native/index.js';
import type { IrqLine } from '../irq-line.js';
import { SerialState } from './serial-state.js';

/** Where the serial console of a machine is. */
export interface SerialStreams {
  readonly output: Writable;
  /** Default: nobody types. */
  readonly input?: Readable;
}

/** Plain data, for the thread of the registers. The eventfd belongs to the port. */
export interface SharedSerial {
  readonly state: SharedArrayBuffer;
  readonly wake: number;
}

/** How long the port looks for more output before it sleeps, ms: waking it for each byte is dearer. */
const LINGER_MS = 4;

export class SerialPort {
  readonly #state: SerialState;
  readonly #streams: SerialStreams;
  readonly #wake = EventFd.create();
  #watch: FdWatch | null = null;
  #input: Readable | undefined;
  readonly #pending: number[] = [];
  readonly #onInput = (data: Uint8Array | string): void => this.#take(data);
  readonly #onDrain = (): void => this.#drain();
  #timer: NodeJS.Timeout | null = null;
  #blocked = false;

  /** The streams are not looked at before `connect`. */
  constructor(line: IrqLine, streams: SerialStreams) {
    this.#state = new SerialState(line);
    this.#streams = streams;
    this.#state.sleep();
  }

  /** Begins to pass on; what the guest has sent until then waits. */
  connect(): void {
    const { output, input } = this.#streams;
    this.#watch = new FdWatch(this.#wake, () => this.#woken());
    this.#input = input;
    output.on('drain', this.#onDrain);
    input?.on('data', this.#onInput);
    this.#feed();
  }

  share(): SharedSerial {
    return { state: this.#state.buffer, wake: this.#wake.number };
  }

  /** Bytes that the guest sent faster than they were taken, without looking whether there was room. */
  get overruns(): number {
    return this.#state.overruns;
  }

  /** What was typed and has not been read by the guest, while that does not run. */
  get unread(): Uint8Array {
    return Uint8Array.from([...this.#state.received.peekAll(), ...this.#pending]);
  }

  /** Comes before anything typed from now on. */
  typeAhead(bytes: Uint8Array): void {
    this.#pending.unshift(...bytes);
    this.#feed();
  }

  /** Passes on what the guest has sent so far. Idempotent. */
  close(): void {
    if (this.#wake.closed) return;
    if (this.#watch !== null) this.#disconnect(this.#watch);
    this.#wake.close();
  }

  #disconnect(watch: FdWatch): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const { output } = this.#streams;
    const rest = this.#state.transmitted.takeAll();
    if (rest.length > 0) output.write(rest);
    output.off('drain', this.#onDrain);
    this.#input?.off('data', this.#onInput);
    this.#input?.pause();
    watch.close();
  }

  #woken(): void {
    this.#wake.testAndClear();
    this.#feed();
    if (this.#timer === null && !this.#blocked) this.#drain();
  }

  /** While the stream has no room, the ring fills, and then the guest waits. */
  #drain(): void {
    this.#blocked = false;
    this.#timer = null;
    const { transmitted } = this.#state;
    const bytes = transmitted.takeAll();
    if (bytes.length === 0) {
      if (!this.#state.sleep()) this.#linger();
      return;
    }
    this.#state.madeRoom();
    this.#blocked = !this.#streams.output.write(bytes);
    if (!this.#blocked) this.#linger();
  }

  #linger(): void {
    this.#timer ??= setTimeout(() => this.#drain(), LINGER_MS);
  }

  #take(data: Uint8Array | string): void {
    this.#pending.push(...(typeof data === 'string' ? new TextEncoder().encode(data) : data));
    this.#feed();
  }

  /** What does not fit waits, and holds up the stream it comes from. */
  #feed(): void {
    const { received } = this.#state;
    do {
      while (this.#pending.length > 0 && received.push(this.#pending[0]!)) this.#pending.shift();
    } while (this.#pending.length > 0 && this.#state.waitForRoom());
    if (this.#pending.length > 0) this.#input?.pause();
    else this.#input?.resume();
    this.#state.update();
  }
}
