/**
 * What a transport and the threads that serve its queues share about interrupts: the MSI-X table as it is in force, pending
 * bits, the vectors of the queues, ISR status. One SharedArrayBuffer per function.
 */
import type { MsiMessage } from '../../kvm/index.js';
import { MSI_NO_VECTOR } from '../spec/index.js';
import { VECTOR_MASKED } from '../spec/pci-msix.js';

/** Word indexes of the head. */
export const StateWord = {
  mode: 0,
  isr: 1,
  pinLock: 2,
  /** Interrupt Disable of the command register. */
  pinDisabled: 3,
  configVector: 4,
  vectors: 5,
  queues: 6,
  size: 8,
} as const;

/** Bits of the mode word. */
export const ModeBit = { msixEnabled: 1, functionMask: 2 } as const;

/** Words of a vector, from `vectorAt`. */
export const VectorWord = { lock: 0, pending: 1, addressLow: 2, addressHigh: 3, data: 4, control: 5, size: 6 } as const;

export class InterruptState {
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;
  /** Entries of the MSI-X table; 0 for a function without MSI-X. */
  readonly vectors: number;
  readonly queues: number;

  private constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer);
    this.vectors = this.words[StateWord.vectors]!;
    this.queues = this.words[StateWord.queues]!;
  }

  /** As after a PCI reset: MSI-X off, all vectors masked, none mapped. */
  static create(vectors: number, queues: number): InterruptState {
    const words = new Int32Array(new SharedArrayBuffer(4 * (StateWord.size + queues + vectors * VectorWord.size)));
    words[StateWord.vectors] = vectors;
    words[StateWord.queues] = queues;
    words[StateWord.configVector] = MSI_NO_VECTOR;
    words.fill(MSI_NO_VECTOR, StateWord.size, StateWord.size + queues);
    const state = new InterruptState(words.buffer);
    for (let vector = 0; vector < vectors; vector++) words[state.vectorAt(vector) + VectorWord.control] = VECTOR_MASKED;
    return state;
  }

  /** The same state on another thread. */
  static open(buffer: SharedArrayBuffer): InterruptState {
    return new InterruptState(buffer);
  }

  /** Index of the word with the vector of a queue. */
  queueVectorAt(queue: number): number {
    return StateWord.size + queue;
  }

  /** Index of the first word of a vector, which is below `vectors`. */
  vectorAt(vector: number): number {
    return StateWord.size + this.queues + vector * VectorWord.size;
  }

  get msixEnabled(): boolean {
    return (Atomics.load(this.words, StateWord.mode) & ModeBit.msixEnabled) !== 0;
  }

  /** Whether a message of the vector may be sent now: MSI-X is on, and neither mask is set. */
  deliverable(vector: number): boolean {
    const mode = Atomics.load(this.words, StateWord.mode);
    return mode === ModeBit.msixEnabled && !this.masked(vector);
  }

  /** The mask bit of the vector's own entry. */
  masked(vector: number): boolean {
    return (Atomics.load(this.words, this.vectorAt(vector) + VectorWord.control) & VECTOR_MASKED) !== 0;
  }

  pending(vector: number): boolean {
    return Atomics.load(this.words, this.vectorAt(vector) + VectorWord.pending) !== 0;
  }
}

/** A message with its address in halves too, so that it can be compared without a bigint. */
export interface SignalledMessage extends MsiMessage {
  readonly addressLow: number;
  readonly addressHigh: number;
}

/** The message of one vector, read from the table when it is asked for. */
export class VectorMessage implements SignalledMessage {
  readonly #state: InterruptState;
  #at = 0;

  constructor(state: InterruptState) {
    this.#state = state;
  }

  of(vector: number): this {
    this.#at = this.#state.vectorAt(vector);
    return this;
  }

  get address(): bigint {
    return (BigInt(this.addressHigh) << 32n) | BigInt(this.addressLow);
  }

  get addressLow(): number {
    return this.#state.words[this.#at + VectorWord.addressLow]! >>> 0;
  }

  get addressHigh(): number {
    return this.#state.words[this.#at + VectorWord.addressHigh]! >>> 0;
  }

  get data(): number {
    return this.#state.words[this.#at + VectorWord.data]! >>> 0;
  }
}
