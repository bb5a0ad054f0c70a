/** How a device is, in memory that the transport reads without waiting for the device's thread. */

const Word = { phase: 0, needsReset: 1, queues: 2 } as const;
const Phase = { idle: 0, active: 1, resetting: 2 } as const;

export class ControlState {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  private constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  static create(queues: number): ControlState {
    return new ControlState(new SharedArrayBuffer(4 * (Word.queues + queues)));
  }

  static open(buffer: SharedArrayBuffer): ControlState {
    return new ControlState(buffer);
  }

  /** Between `activate` and the end of `reset`. */
  get active(): boolean {
    return Atomics.load(this.#words, Word.phase) !== Phase.idle;
  }

  /** A reset has begun and something is still in flight. */
  get busy(): boolean {
    return Atomics.load(this.#words, Word.phase) === Phase.resetting;
  }

  /** The device or one of its queues has failed (2.1.2). */
  get needsReset(): boolean {
    return Atomics.load(this.#words, Word.needsReset) !== 0;
  }

  /** From its start to the end of `stopQueue`. */
  queueRunning(index: number): boolean {
    return Atomics.load(this.#words, Word.queues + index) !== 0;
  }

  /** The rest is for the control. */
  activate(): void {
    Atomics.store(this.#words, Word.phase, Phase.active);
  }

  beginReset(): void {
    Atomics.store(this.#words, Word.phase, Phase.resetting);
  }

  endReset(): void {
    this.#words.fill(0, Word.needsReset);
    Atomics.store(this.#words, Word.phase, Phase.idle);
  }

  /** False where it was set before. */
  setNeedsReset(): boolean {
    return Atomics.exchange(this.#words, Word.needsReset, 1) === 0;
  }

  setQueueRunning(index: number, running: boolean): void {
    Atomics.store(this.#words, Word.queues + index, running ? 1 : 0);
  }
}
