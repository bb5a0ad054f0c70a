/** The other end of a StatePort, which may lie: on a thread that may block. */
import { RemoteStateError } from './errors.js';
import { pack, unpack } from './packed.js';
import { MAX_PORT_BYTES, STATE_PORT_MAGIC, StateCommand, StateRegister, StateStatus } from './state-port.js';

/** Accesses of 4 bytes to the registers of the port. */
export interface PortAccess {
  read(offset: number): number;
  write(offset: number, value: number): void;
}

/** How long a device may take until nothing of it is in flight, ms. */
const QUIET_MS = 30_000;
const POLL_MS = 1;

export class StateClient {
  readonly #port: PortAccess;
  readonly #name: string;

  /** `name` is for messages. */
  constructor(port: PortAccess, name: string) {
    this.#port = port;
    this.#name = name;
  }

  /** Begins to suspend. @throws RemoteStateError */
  suspend(): void {
    if (this.#port.read(StateRegister.magic) !== STATE_PORT_MAGIC) throw this.#error('it does not answer');
    this.#port.write(StateRegister.command, StateCommand.suspend);
  }

  /** Waits until nothing is in flight. @throws RemoteStateError */
  waitQuiet(timeoutMs = QUIET_MS): void {
    const clock = new Int32Array(new SharedArrayBuffer(4));
    for (const deadline = performance.now() + timeoutMs; this.#status() === StateStatus.busy; ) {
      if (performance.now() > deadline) throw this.#error(`it is not quiet after ${timeoutMs} ms`);
      Atomics.wait(clock, 0, 0, POLL_MS);
    }
  }

  /** @throws RemoteStateError */
  save(): Uint8Array {
    this.#port.write(StateRegister.command, StateCommand.save);
    this.#status();
    return this.#unpack(this.#data());
  }

  /** @throws RemoteStateError */
  restore(state: Uint8Array): void {
    const packed = pack(state);
    if (packed.length > MAX_PORT_BYTES) throw this.#error(`${state.length} bytes are more than any device has`);
    this.#port.write(StateRegister.length, packed.length);
    const padded = new Uint8Array(Math.ceil(packed.length / 4) * 4);
    padded.set(packed);
    for (const word of new Uint32Array(padded.buffer)) this.#port.write(StateRegister.data, word);
    this.#port.write(StateRegister.command, StateCommand.restore);
    this.#status();
  }

  /** @throws RemoteStateError */
  resume(): void {
    this.#port.write(StateRegister.command, StateCommand.resume);
    this.#status();
  }

  #status(): number {
    const status = this.#port.read(StateRegister.status);
    if (status === StateStatus.failed) throw this.#error(this.#failure());
    if (status !== StateStatus.done && status !== StateStatus.busy) throw this.#error('it does not answer');
    return status;
  }

  #data(): Uint8Array {
    const length = this.#port.read(StateRegister.length);
    if (length > MAX_PORT_BYTES) throw this.#error(`it has ${length} bytes of state`);
    const words = Uint32Array.from({ length: Math.ceil(length / 4) }, () => this.#port.read(StateRegister.data));
    return new Uint8Array(words.buffer, 0, length).slice();
  }

  #unpack(packed: Uint8Array): Uint8Array {
    try {
      return unpack(packed);
    } catch (error) {
      throw this.#error((error as Error).message);
    }
  }

  #failure(): string {
    try {
      const { code, message } = JSON.parse(new TextDecoder().decode(this.#data())) as Record<string, unknown>;
      return `${String(message).slice(0, 500)} (${String(code).slice(0, 60)})`;
    } catch {
      return 'it fails, and does not say why';
    }
  }

  #error(problem: string): RemoteStateError {
    return new RemoteStateError(this.#name, problem);
  }
}
