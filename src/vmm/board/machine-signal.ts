/** How a device of the board tells the machine's owner, on another thread, what the guest wants of its machine. */
import { FAILURE_REASONS, type FailureReason } from '../../ioregion/dispatcher/failure.js';
import { EventFd } from '../../native/index.js';

/** `code`: what the guest wrote to the debug exit port. */
export type GuestRequest =
  | { readonly kind: 'power-off' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'debug-exit'; readonly code: number };

/** The device of a slot does not answer any more. */
export interface LostSlot {
  readonly slot: number;
  readonly reason: FailureReason;
}

/** Plain data, for Workers. The eventfd belongs to the machine. */
export interface SharedMachineSignal {
  readonly words: SharedArrayBuffer;
  readonly eventfd: number;
}

const SLOTS = 32;
/** From `lost` on a word for each slot. */
const Word = { kind: 0, code: 1, ejected: 2, lost: 3, size: 3 + SLOTS } as const;
/** Index 0 is no request. */
const KINDS = [null, 'power-off', 'reset', 'debug-exit'] as const;

export class MachineSignal {
  readonly #words: Int32Array;
  readonly #eventfd: EventFd;

  private constructor(words: SharedArrayBuffer, eventfd: EventFd) {
    this.#words = new Int32Array(words);
    this.#eventfd = eventfd;
  }

  /** On the owner's thread. `eventfd` becomes readable with a request. */
  static create(eventfd: EventFd): MachineSignal {
    return new MachineSignal(new SharedArrayBuffer(4 * Word.size), eventfd);
  }

  static open({ words, eventfd }: SharedMachineSignal): MachineSignal {
    return new MachineSignal(words, new EventFd(eventfd));
  }

  share(): SharedMachineSignal {
    return { words: this.#words.buffer as SharedArrayBuffer, eventfd: this.#eventfd.number };
  }

  /** The first request counts: the guest goes on for some instructions and may make others. */
  post(kind: GuestRequest['kind'], code = 0): void {
    Atomics.compareExchange(this.#words, Word.code, 0, code);
    if (Atomics.compareExchange(this.#words, Word.kind, 0, KINDS.indexOf(kind)) === 0) this.#eventfd.signal();
  }

  /** The guest has taken the device out of a PCI slot. */
  postEjected(slot: number): void {
    Atomics.or(this.#words, Word.ejected, 1 << slot);
    this.#eventfd.signal();
  }

  /** The slots whose device was taken out since the last call. */
  takeEjected(): number[] {
    const slots = Atomics.exchange(this.#words, Word.ejected, 0);
    return Array.from({ length: SLOTS }, (_, slot) => slot).filter((slot) => (slots & (1 << slot)) !== 0);
  }

  /** An access to a device in another process has failed, as all that come will. */
  postLost(slot: number, reason: FailureReason): void {
    Atomics.store(this.#words, Word.lost + slot, FAILURE_REASONS.indexOf(reason));
    this.#eventfd.signal();
  }

  /** The devices that were lost since the last call. */
  takeLost(): LostSlot[] {
    return Array.from({ length: SLOTS }, (_, slot) => {
      return { slot, reason: FAILURE_REASONS[Atomics.exchange(this.#words, Word.lost + slot, 0)]! };
    }).filter((one): one is LostSlot => one.reason !== 'none');
  }

  /** The request, which is forgotten; null where there is none. */
  take(): GuestRequest | null {
    this.#eventfd.testAndClear();
    const kind = KINDS[Atomics.exchange(this.#words, Word.kind, 0)] ?? null;
    const code = Atomics.exchange(this.#words, Word.code, 0) >>> 0;
    if (kind === null) return null;
    return kind === 'debug-exit' ? { kind, code } : { kind };
  }
}
