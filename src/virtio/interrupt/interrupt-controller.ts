/** The transport's side of a function's interrupts: what the driver does to MSI-X, the pin and ISR status. */
import { MSI_NO_VECTOR } from '../spec/index.js';
import { VECTOR_MASKED } from '../spec/pci-msix.js';
import { SavedFields } from '../state/index.js';
import type { InterruptSource } from './interrupt-source.js';
import { type InterruptState, ModeBit, StateWord, VectorMessage, VectorWord } from './interrupt-state.js';
import { acquire, release } from './shared-lock.js';

/** The four registers of a table entry. */
export type VectorField = 'addressLow' | 'addressHigh' | 'data' | 'control';

/** What the registers of the function do not hold, and the table as it is in force. */
export interface SavedInterrupts {
  readonly isr: number;
  readonly configVector: number;
  readonly queueVectors: readonly number[];
  /** By vector: address low and high, data, control, pending. */
  readonly vectors: readonly (readonly number[])[];
}

const SAVED_WORDS = ['addressLow', 'addressHigh', 'data', 'control', 'pending'] as const;
const U32_MAX = 0xffff_ffff;
const U16_MAX = 0xffff;
const ISR_BITS = 3;

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

  /** While nobody raises interrupts. */
  save(): SavedInterrupts {
    const { vectors, queues } = this.#state;
    const words = (vector: number) => {
      const at = this.#state.vectorAt(vector);
      return SAVED_WORDS.map((word) => this.#words[at + VectorWord[word]]! >>> 0);
    };
    return {
      isr: this.#words[StateWord.isr]!,
      configVector: this.configVector,
      queueVectors: Array.from({ length: queues }, (_, queue) => this.queueVector(queue)),
      vectors: Array.from({ length: vectors }, (_, vector) => words(vector)),
    };
  }

  /**
   * Before MSI-X is enabled: `setMode` then sends what is pending.
   * @throws SavedStateError
   */
  restore(state: unknown): void {
    const saved = new SavedFields(state, 'the interrupts of a function');
    const { vectors, queues } = this.#state;
    const table = saved.list('vectors', vectors).map((words) => {
      return new SavedFields({ words }, 'an interrupt vector').integers('words', SAVED_WORDS.length, U32_MAX);
    });
    for (const [vector, words] of table.entries()) this.#restoreVector(vector, words);
    this.configVector = saved.integer('configVector', U16_MAX);
    for (const [queue, vector] of saved.integers('queueVectors', queues, U16_MAX).entries()) {
      this.setQueueVector(queue, vector);
    }
    this.#words[StateWord.isr] = saved.integer('isr', ISR_BITS);
    this.#updatePin();
  }

  #restoreVector(vector: number, words: readonly number[]): void {
    const at = this.#state.vectorAt(vector);
    for (const [index, word] of SAVED_WORDS.entries()) this.#words[at + VectorWord[word]] = words[index]!;
    this.#words[at + VectorWord.pending] = words.at(-1) === 0 ? 0 : 1;
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
