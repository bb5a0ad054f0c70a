/** How a device is, in memory that a transport on another thread reads without waiting for the device's thread. */
import type { QueuePosition } from '../queue/index.js';

const Word = { phase: 0, needsReset: 1, ended: 2, configWrites: 3, unreadLogs: 4, queues: 5 } as const;
const QueueWord = { running: 0, available: 1, used: 2, size: 3 } as const;
const Phase = { idle: 0, active: 1, resetting: 2 } as const;

export class ControlState {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  private constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  static create(queues: number): ControlState {
    return new ControlState(new SharedArrayBuffer(4 * (Word.queues + queues * QueueWord.size)));
  }

  static open(buffer: SharedArrayBuffer): ControlState {
    return new ControlState(buffer);
  }

  /** Between `activate` and the end of `reset`. A device that has ended is not active. */
  get active(): boolean {
    return Atomics.load(this.#words, Word.phase) !== Phase.idle && !this.ended;
  }

  /** A reset has begun and something is still in flight. */
  get busy(): boolean {
    return Atomics.load(this.#words, Word.phase) === Phase.resetting && !this.ended;
  }

  /** The device or one of its queues has failed (2.1.2), or there is no device any more. */
  get needsReset(): boolean {
    return Atomics.load(this.#words, Word.needsReset) !== 0 || this.ended;
  }

  /** From its start to the end of its stop. */
  queueRunning(index: number): boolean {
    return Atomics.load(this.#words, queueWord(index, QueueWord.running)) !== 0 && !this.ended;
  }

  /** Where the queue stopped; meaningful once it has. */
  position(index: number): QueuePosition {
    const available = Atomics.load(this.#words, queueWord(index, QueueWord.available));
    return { available, used: Atomics.load(this.#words, queueWord(index, QueueWord.used)) };
  }

  /** The thread of the device is gone, and nothing is in flight. */
  get ended(): boolean {
    return Atomics.load(this.#words, Word.ended) !== 0;
  }

  /** The rest is for controls. */
  activate(): void {
    Atomics.store(this.#words, Word.phase, Phase.active);
  }

  beginReset(): void {
    Atomics.store(this.#words, Word.phase, Phase.resetting);
  }

  endReset(): void {
    Atomics.store(this.#words, Word.needsReset, 0);
    Atomics.store(this.#words, Word.phase, Phase.idle);
    Atomics.notify(this.#words, Word.phase);
  }

  /** Waits for the end of a reset, as long as there is a device. False after `timeoutMs`. */
  waitReset(timeoutMs: number): boolean {
    if (!this.busy) return true;
    Atomics.wait(this.#words, Word.phase, Phase.resetting, timeoutMs);
    return !this.busy;
  }

  /** False where it was set before. */
  setNeedsReset(): boolean {
    return Atomics.exchange(this.#words, Word.needsReset, 1) === 0;
  }

  startQueue(index: number): void {
    Atomics.store(this.#words, queueWord(index, QueueWord.running), 1);
  }

  endQueue(index: number, position: QueuePosition | null): void {
    Atomics.store(this.#words, queueWord(index, QueueWord.available), position?.available ?? 0);
    Atomics.store(this.#words, queueWord(index, QueueWord.used), position?.used ?? 0);
    Atomics.store(this.#words, queueWord(index, QueueWord.running), 0);
  }

  end(): void {
    Atomics.store(this.#words, Word.ended, 1);
    Atomics.notify(this.#words, Word.configWrites);
    Atomics.notify(this.#words, Word.phase);
  }

  /** A configuration write has been carried out. */
  countConfigWrite(): void {
    Atomics.add(this.#words, Word.configWrites, 1);
    Atomics.notify(this.#words, Word.configWrites);
  }

  /** Waits until `count` (modulo 2^32) of them have been carried out, as long as there is a device. False after `timeoutMs`. */
  waitConfigWrites(count: number, timeoutMs: number): boolean {
    for (let done = Atomics.load(this.#words, Word.configWrites); done !== (count | 0) && !this.ended; ) {
      if (Atomics.wait(this.#words, Word.configWrites, done, timeoutMs) === 'timed-out') return false;
      done = Atomics.load(this.#words, Word.configWrites);
    }
    return true;
  }

  /** Whether one more message may wait to be read: a thread that reads none must not collect them. */
  mayLog(limit: number): boolean {
    if (Atomics.add(this.#words, Word.unreadLogs, 1) < limit) return true;
    Atomics.sub(this.#words, Word.unreadLogs, 1);
    return false;
  }

  logRead(): void {
    Atomics.sub(this.#words, Word.unreadLogs, 1);
  }
}

function queueWord(index: number, word: number): number {
  return Word.queues + index * QueueWord.size + word;
}
