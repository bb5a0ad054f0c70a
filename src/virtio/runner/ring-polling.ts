/** Looking at a ring for a while instead of sleeping: a wake-up costs both sides more than a request does. */
import { breathe } from '../../native/index.js';

/** The longest look, in µs: within that a driver on another core is back, even where its core has to be woken up first. */
const LONGEST_US = 200;
/** What a wake-up costs on another core: so much CPU time is a look worth that finds something. */
const SAVED_US = 50;
const MOST_SAVED_US = 2 * LONGEST_US;
/** CPU time that each kick may cost in the long run, where looking is of no use. */
const REPAID_US = 2;

/** One way of looking: it is given up while it has cost more than it saves. */
class Way {
  readonly #breathe: () => number;
  /** Time lost, less what was saved. In µs. */
  #debt = 0;

  /** `breathe`: waits between two looks, and returns what it took as the native one does. */
  constructor(breathe: () => number) {
    this.#breathe = breathe;
  }

  get pays(): boolean {
    return this.#debt <= 0;
  }

  repay(): void {
    this.#debt -= REPAID_US;
  }

  /** Whether `available` has become true. Gives up early where the event loop has something to do. */
  look(available: () => boolean): boolean {
    let spent = 0;
    let found = available();
    while (!found && spent <= LONGEST_US) {
      const took = this.#breathe();
      spent += Math.abs(took);
      found = available();
      if (took < 0) break;
    }
    if (found && spent <= LONGEST_US) this.#debt = Math.max(this.#debt - SAVED_US, -MOST_SAVED_US);
    else this.#debt += spent;
    return found;
  }
}

/**
 * Of two ways the first that pays. One yields the CPU at each look, so that a driver on the same CPU gets it at once; where
 * others want it too, that can take a whole time slice. The other keeps the CPU.
 */
export class RingPolling {
  readonly #yielding: Way;
  readonly #keeping: Way;

  /** `breath`: the native one, but for tests. */
  constructor(breath: (yields: boolean) => number = breathe) {
    this.#yielding = new Way(() => breath(true));
    this.#keeping = new Way(() => breath(false));
  }

  /** Returns whether `available` has become true. */
  wait(available: () => boolean): boolean {
    if (this.#yielding.pays) return this.#yielding.look(available);
    this.#yielding.repay();
    if (this.#keeping.pays) return this.#keeping.look(available);
    this.#keeping.repay();
    return false;
  }
}
