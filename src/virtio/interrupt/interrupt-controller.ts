/** The transport's side of a function's interrupts: what the driver does to MSI-X, the pin and ISR status. */
import { MSI_NO_VECTOR } from '../spec/index.js';
import { VECTOR_MASKED } from '../spec/pci-msix.js';
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
    if (mode === Atomics.load(this.#words, StateWord.mode)) return;
    for (let vector = 0; enabled && vector < this.#state.vectors; vector++) {
      if (!this.#state.masked(vector)) this.#route(vector);
    }
    Atomics.store(this.#words, StateWord.mode, mode);
    for (let vector = 0; vector < this.#state.vectors; vector++) {
      this.#locked(vector, () => this.source.deliverPending(vector));
    }
    this.#updatePin();
  }

  /** A write to a table entry; unmasking delivers what is pending. */
  setVector(vector: number, field: VectorField, value: number): void {
    const at = this.#state.vectorAt(vector) + VectorWord[field];
    const unmasks = field === 'control' && (value & VECTOR_MASKED) === 0;
    // Without the lock, as a route may take its time: while the vector is masked, nobody else looks at it.
    if (unmasks && this.#state.msixEnabled) this.#route(vector);
    this.#locked(vector, () => {
      this.#words[at] = value;
      this.source.deliverPending(vector);
    });
    if (field !== 'control' && this.#state.msixEnabled && !this.#state.masked(vector)) this.#route(vector);
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
    for (let vector = 0; vector < this.#state.vectors; vector++) {
      const at = this.#state.vectorAt(vector) + VectorWord.pending;
      this.#locked(vector, () => {
        this.#words[at] = 0;
      });
    }
    this.takeIsr();
  }

  #accepted(vector: number): number {
    return vector < this.#state.vectors ? vector : MSI_NO_VECTOR;
  }

  #locked(vector: number, change: () => void): void {
    const at = this.#state.vectorAt(vector) + VectorWord.lock;
    acquire(this.#words, at);
    change();
    release(this.#words, at);
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

  #updatePin(): void {
    acquire(this.#words, StateWord.pinLock);
    this.source.drivePin();
    release(this.#words, StateWord.pinLock);
  }
}
