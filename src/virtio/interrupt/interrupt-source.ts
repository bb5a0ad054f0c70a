/** Raises the interrupts of one function, from whatever thread notices that there is something to say. */
import { IsrStatus } from '../spec/index.js';
import type { InterruptSink, SinkDescription } from './interrupt-sink.js';
import { type InterruptState, StateWord, VectorMessage, VectorWord } from './interrupt-state.js';
import { acquire, release } from './shared-lock.js';

/** What a Worker needs to raise the same interrupts. */
export interface SharedInterrupts {
  readonly state: SharedArrayBuffer;
  readonly sink: SinkDescription;
}

/**
 * A masked vector is made pending instead of signalled, and whoever unmasks it signals it. Both hold the vector's lock, so
 * none is lost between the two, and none is sent once a write to a mask bit has returned.
 */
export class InterruptSource {
  readonly state: InterruptState;
  readonly sink: InterruptSink;
  /** Interrupts that the sink failed to send. */
  failures = 0;
  readonly #message: VectorMessage;

  constructor(state: InterruptState, sink: InterruptSink) {
    this.state = state;
    this.sink = sink;
    this.#message = new VectorMessage(state);
  }

  /** null where the sink works on this thread only. */
  share(): SharedInterrupts | null {
    const sink = this.sink.describe?.();
    return sink === undefined ? null : { state: this.state.buffer, sink };
  }

  /** A used buffer notification (4.1.5.3). */
  callQueue(queue: number): void {
    this.#raise(this.state.queueVectorAt(queue), IsrStatus.queue);
  }

  /** A configuration change notification (4.1.5.4). */
  callConfig(): void {
    this.#raise(StateWord.configVector, IsrStatus.config);
  }

  /** Signals the vector if it is pending and may be sent. The caller holds its lock. */
  deliverPending(vector: number): void {
    const { state } = this;
    const at = state.vectorAt(vector) + VectorWord.pending;
    if (state.words[at] === 0 || !state.deliverable(vector)) return;
    state.words[at] = 0;
    this.#signal(vector);
  }

  /** Drives the pin to what ISR status says. The caller holds the lock of the pin. */
  drivePin(): void {
    const { state, sink } = this;
    const { words } = state;
    const asserted = words[StateWord.isr] !== 0 && words[StateWord.pinDisabled] === 0 && !state.msixEnabled;
    try {
      sink.setPin?.(asserted);
    } catch {
      this.failures += 1;
    }
  }

  /** `vectorAt`: the word that names the vector of the event. */
  #raise(vectorAt: number, isrBit: number): void {
    // The driver may turn MSI-X on or off meanwhile: each way looks again once it holds its lock.
    while (!(this.state.msixEnabled ? this.#raiseVector(vectorAt) : this.#raisePin(isrBit)));
  }

  #raiseVector(vectorAt: number): boolean {
    const { state } = this;
    const vector = Atomics.load(state.words, vectorAt);
    if (vector >= state.vectors) return true;
    const at = state.vectorAt(vector);
    acquire(state.words, at + VectorWord.lock);
    const enabled = state.msixEnabled;
    if (enabled) {
      state.words[at + VectorWord.pending] = 1;
      this.deliverPending(vector);
    }
    release(state.words, at + VectorWord.lock);
    return enabled;
  }

  #raisePin(isrBit: number): boolean {
    const { words } = this.state;
    acquire(words, StateWord.pinLock);
    const disabled = !this.state.msixEnabled;
    if (disabled) {
      words[StateWord.isr] = words[StateWord.isr]! | isrBit;
      this.drivePin();
    }
    release(words, StateWord.pinLock);
    return disabled;
  }

  #signal(vector: number): void {
    try {
      this.sink.signal(vector, this.#message.of(vector));
    } catch {
      this.failures += 1;
    }
  }
}
