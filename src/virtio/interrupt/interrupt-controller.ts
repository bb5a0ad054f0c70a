/** The transport's side of a function's interrupts: what the driver does to MSI-X, the pin and ISR status. */
import { MSI_NO_VECTOR } from '../spec/index.js';
import type { InterruptSource } from './interrupt-source.js';
import { type InterruptState, ModeBit, StateWord, VectorMessage, VectorWord } from './interrupt-state.js';
import { acquire, release } from './shared-lock.js';

/** The four registers of a table entry. */
export type VectorField = 'addressLow' | 'addressHigh' | 'data' | 'control';

/** Belongs to the thread of the transport; the source beneath it may be open on others. */
export class InterruptController {
  readonly source: InterruptSource;
  readonly #state: InterruptState;
  readonly #words: Int32Array;
  readonly #message: VectorMessage;
  /** The message last routed, by vector: address and data. */
  readonly #routed: (string | undefined)[] = [];

  constructor(source: InterruptSource) {
    this.source = source;
    this.#state = source.state;
    this.#words = source.state.words;
    this.#message = new VectorMessage(source.state);
  }

  /** Whether INTA# can be driven at all. */
  get hasPin(): boolean {
    return this.source.sink.setPin !== undefined;
  }

  get msixEnabled(): boolean {
    return this.#state.msixEnabled;
  }

  /** Message control: what became pending under the function mask is delivered when it goes. */
  setMode(enabled: boolean, functionMask: boolean): void {
    const mode = (enabled ? ModeBit.msixEnabled : 0) | (functionMask ? ModeBit.functionMask : 0);
    if (mode === Atomics.exchange(this.#words, StateWord.mode, mode)) return;
    for (let vector = 0; vector < this.#state.vectors; vector++) this.#update(vector, null, 0);
    this.#updatePin();
  }

  /** A write to a table entry; unmasking delivers what is pending. */
  setVector(vector: number, field: VectorField, value: number): void {
    this.#update(vector, field, value);
  }

  pending(vector: number): boolean {
    return this.#state.pending(vector);
  }

  /** Interrupt Disable of the command register. */
  setPinDisabled(disabled: boolean): void {
    const word = disabled ? 1 : 0;
    if (Atomics.exchange(this.#words, StateWord.pinDisabled, word) !== word) this.#updatePin();
  }

  /** Interrupt Status of the status register: ISR status is not zero, whether or not the pin is disabled. */
  get pinRequested(): boolean {
    return Atomics.load(this.#words, StateWord.isr) !== 0;
  }

  /** Reads ISR status, which clears it and releases the pin (4.1.4.5). */
  takeIsr(): number {
    acquire(this.#words, StateWord.pinLock);
    const isr = this.#words[StateWord.isr]!;
    this.#words[StateWord.isr] = 0;
    if (isr !== 0) this.source.drivePin();
    release(this.#words, StateWord.pinLock);
    return isr;
  }

  get configVector(): number {
    return Atomics.load(this.#words, StateWord.configVector);
  }

  set configVector(vector: number) {
    Atomics.store(this.#words, StateWord.configVector, this.#accepted(vector));
  }

  queueVector(queue: number): number {
    return Atomics.load(this.#words, this.#state.queueVectorAt(queue));
  }

  /** A vector that is not in the table is refused: the queue then has none (4.1.5.1.2.1). */
  setQueueVector(queue: number, vector: number): void {
    Atomics.store(this.#words, this.#state.queueVectorAt(queue), this.#accepted(vector));
  }

  /** A device reset: nothing is mapped or pending. The table, its masks and message control belong to the function. */
  resetDevice(): void {
    this.configVector = MSI_NO_VECTOR;
    for (let queue = 0; queue < this.#state.queues; queue++) this.setQueueVector(queue, MSI_NO_VECTOR);
    for (let vector = 0; vector < this.#state.vectors; vector++) this.#dropPending(vector);
    this.takeIsr();
  }

  #accepted(vector: number): number {
    return vector < this.#state.vectors ? vector : MSI_NO_VECTOR;
  }

  #update(vector: number, field: VectorField | null, value: number): void {
    const at = this.#state.vectorAt(vector);
    acquire(this.#words, at + VectorWord.lock);
    if (field !== null) this.#words[at + VectorWord[field]] = value;
    if (this.#state.msixEnabled && !this.#state.masked(vector)) this.#route(vector);
    this.source.deliverPending(vector);
    release(this.#words, at + VectorWord.lock);
  }

  /** Routing replaces the table of a VM: only where the message is another. */
  #route(vector: number): void {
    const { sink } = this.source;
    if (sink.route === undefined) return;
    const message = this.#message.of(vector);
    const key = `${message.address} ${message.data}`;
    if (this.#routed[vector] === key) return;
    try {
      sink.route(vector, message);
      this.#routed[vector] = key;
    } catch {
      this.source.failures += 1;
    }
  }

  #dropPending(vector: number): void {
    const at = this.#state.vectorAt(vector);
    acquire(this.#words, at + VectorWord.lock);
    this.#words[at + VectorWord.pending] = 0;
    release(this.#words, at + VectorWord.lock);
  }

  #updatePin(): void {
    acquire(this.#words, StateWord.pinLock);
    this.source.drivePin();
    release(this.#words, StateWord.pinLock);
  }
}
