/** Who waits for the guest to let go of a device, by slot. */
import { UnplugTimeoutError } from '../errors.js';

export interface UnplugOptions {
  /** How long the guest may take, ms. Default 30 000. It is not told when the time is over, and may let go later. */
  readonly timeoutMs?: number;
  /** Gives up waiting; the guest still has the request. */
  readonly signal?: AbortSignal;
}

const DEFAULT_MS = 30_000;

export class Departures {
  readonly #waiting = new Map<number, Set<() => void>>();

  /** Slots whose device has been asked for, and not let go of, for as long as somebody waits. */
  get slots(): number[] {
    return [...this.#waiting.keys()];
  }

  /** The device of the slot is gone. */
  gone(slot: number): void {
    const waiting = this.#waiting.get(slot) ?? [];
    this.#waiting.delete(slot);
    for (const resolve of waiting) resolve();
  }

  /** @throws UnplugTimeoutError, and the reason of the signal */
  wait(slot: number, name: string, { timeoutMs = DEFAULT_MS, signal }: UnplugOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#forget(slot, arrived);
        settle();
      };
      const arrived = (): void => finish(resolve);
      const abort = (): void => finish(() => reject(signal?.reason));
      const timer = setTimeout(() => finish(() => reject(new UnplugTimeoutError(name, timeoutMs))), timeoutMs);
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.set(slot, (this.#waiting.get(slot) ?? new Set()).add(arrived));
    });
  }

  #forget(slot: number, arrived: () => void): void {
    const waiting = this.#waiting.get(slot);
    waiting?.delete(arrived);
    if (waiting?.size === 0) this.#waiting.delete(slot);
  }
}
