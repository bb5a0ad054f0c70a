/** What the UART's registers and the world outside share: two rings of bytes, and the words that the interrupt depends on. */
import { acquire, release } from '../../../virtio/interrupt/shared-lock.js';
import type { IrqLine } from '../irq-line.js';
import { ByteRing } from './byte-ring.js';
import { Ier } from './uart-registers.js';

const RECEIVE_BYTES = 1024;
const TRANSMIT_BYTES = 1 << 15;

const Word = { lock: 0, ier: 1, thrEmpty: 2, level: 3, asleep: 4, overruns: 5, hungry: 6, full: 7, size: 8 } as const;
const RECEIVE_OFFSET = 4 * Word.size;
const TRANSMIT_OFFSET = RECEIVE_OFFSET + ByteRing.bytesFor(RECEIVE_BYTES);
const STATE_BYTES = TRANSMIT_OFFSET + ByteRing.bytesFor(TRANSMIT_BYTES);

export class SerialState {
  readonly buffer: SharedArrayBuffer;
  /** From outside to the guest. */
  readonly received: ByteRing;
  /** From the guest to outside. */
  readonly transmitted: ByteRing;
  readonly #words: Int32Array;
  readonly #line: IrqLine;

  constructor(line: IrqLine, buffer = new SharedArrayBuffer(STATE_BYTES)) {
    this.buffer = buffer;
    this.#line = line;
    this.#words = new Int32Array(buffer, 0, Word.size);
    this.received = new ByteRing(buffer, RECEIVE_OFFSET, RECEIVE_BYTES);
    this.transmitted = new ByteRing(buffer, TRANSMIT_OFFSET, TRANSMIT_BYTES);
  }

  /** The interrupt enable register. */
  get ier(): number {
    return Atomics.load(this.#words, Word.ier);
  }

  /** Bytes that the guest sent although there was no room. */
  get overruns(): number {
    return Atomics.load(this.#words, Word.overruns);
  }

  countOverrun(): void {
    Atomics.add(this.#words, Word.overruns, 1);
  }

  /** Enabling the transmitter's interrupt causes one as soon as there is room. */
  setIer(ier: number): void {
    const enabled = ier & ~this.ier & Ier.transmit;
    Atomics.store(this.#words, Word.ier, ier);
    if (enabled !== 0) this.waitForThrEmpty();
    else this.update();
  }

  /** Whether the "transmitter holding register empty" interrupt is pending. */
  get thrEmpty(): boolean {
    return Atomics.load(this.#words, Word.thrEmpty) === 1;
  }

  /** Reading IIR, and filling the ring, end that interrupt; room in the ring starts it. */
  setThrEmpty(on: boolean): void {
    Atomics.store(this.#words, Word.thrEmpty, on ? 1 : 0);
    this.update();
  }

  /** The driver waits for that interrupt: it is pending at once, or in a full ring when `madeRoom` comes, whoever is first. */
  waitForThrEmpty(): void {
    const full = this.transmitted.room === 0;
    this.setThrEmpty(!full);
    if (!full) return;
    Atomics.store(this.#words, Word.full, 1);
    if (this.transmitted.room > 0) this.madeRoom();
  }

  /** The reader of `transmitted` has taken something. */
  madeRoom(): void {
    if (Atomics.exchange(this.#words, Word.full, 0) === 1) this.setThrEmpty(true);
  }

  /** Brings the line in line with the state. */
  update(): void {
    acquire(this.#words, Word.lock);
    try {
      const level = this.#interrupts() ? 1 : 0;
      if (this.#words[Word.level] === level) return;
      this.#words[Word.level] = level;
      this.#line.set(level === 1);
    } finally {
      release(this.#words, Word.lock);
    }
  }

  /** The reader of `transmitted` goes to sleep: true where there is nothing left that it would sleep over. */
  sleep(): boolean {
    Atomics.store(this.#words, Word.asleep, 1);
    return this.transmitted.length === 0;
  }

  /** Whether the reader of `transmitted` must be woken; once. */
  mustWake(): boolean {
    return Atomics.exchange(this.#words, Word.asleep, 0) === 1;
  }

  /** The writer of `received` has more than fits: true where there is room again already. */
  waitForRoom(): boolean {
    Atomics.store(this.#words, Word.hungry, 1);
    return this.received.room > 0;
  }

  /** Whether the writer of `received` must be woken, now that the ring is empty; once. */
  mustFeed(): boolean {
    return this.received.length === 0 && Atomics.exchange(this.#words, Word.hungry, 0) === 1;
  }

  #interrupts(): boolean {
    const { ier } = this;
    if ((ier & Ier.receive) !== 0 && this.received.length > 0) return true;
    return (ier & Ier.transmit) !== 0 && this.thrEmpty;
  }
}
