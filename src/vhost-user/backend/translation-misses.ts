/** Translations to ask for, one at a time. */
import { encodeIotlb } from '../message/index.js';
import { IotlbAccess, IotlbType } from '../spec/index.js';

export type AskForTranslation = (payload: Uint8Array, answered: () => void) => void;

/**
 * QEMU 7.2 waits for the reply to its update in a loop that reads the backend channel as well: a second miss that comes
 * meanwhile is answered inside the first, and the outer wait never ends. So the next one goes when the last is answered.
 */
export class TranslationMisses {
  readonly #ask: AskForTranslation;
  /** By what is asked: an address that was taken back while it waited is still asked for once. */
  readonly #waiting = new Map<string, Uint8Array>();
  #asking = false;

  constructor(ask: AskForTranslation) {
    this.#ask = ask;
  }

  add(iova: number, writing: boolean): void {
    const access = writing ? IotlbAccess.write : IotlbAccess.read;
    const miss = { iova: BigInt(iova), size: 0n, userAddress: 0n, access, type: IotlbType.miss };
    this.#waiting.set(`${iova} ${access}`, encodeIotlb(miss));
    this.#next();
  }

  #next(): void {
    const [first] = this.#waiting;
    if (this.#asking || first === undefined) return;
    const [key, payload] = first;
    this.#waiting.delete(key);
    this.#asking = true;
    this.#ask(payload, () => this.#answered());
  }

  #answered(): void {
    this.#asking = false;
    this.#next();
  }
}
