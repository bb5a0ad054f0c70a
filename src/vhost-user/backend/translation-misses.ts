/** Translations to ask for, one at a time. */
import { encodeIotlb, type IotlbMessage } from '../message/index.js';
import { IotlbAccess, IotlbType } from '../spec/index.js';
import { addressesOf, type IovaRange } from './iotlb.js';

export type AskForTranslation = (payload: Uint8Array, answered: () => void) => void;

/**
 * QEMU 7.2 waits for the reply to its update in a loop that reads the backend channel as well: a second miss that comes
 * meanwhile is answered inside the first, and the outer wait never ends. So the next one goes when the last is answered.
 */
export class TranslationMisses {
  readonly #ask: AskForTranslation;
  /** By what is asked. */
  readonly #waiting = new Map<string, IotlbMessage>();
  #asking = false;

  constructor(ask: AskForTranslation) {
    this.#ask = ask;
  }

  add(iova: number, writing: boolean): void {
    const access = writing ? IotlbAccess.write : IotlbAccess.read;
    const miss = { iova: BigInt(iova), size: 0n, userAddress: 0n, access, type: IotlbType.miss };
    this.#waiting.set(`${iova} ${access}`, miss);
    this.#next();
  }

  /**
   * What has come, or been taken back (null: all): whoever still lacks it asks again. A question that came after its answer would
   * be about an address that the guest may have unmapped, which is a fault of the IOMMU.
   */
  forget(range: IovaRange | null): void {
    if (range === null) return void this.#waiting.clear();
    const { first, last } = addressesOf(range);
    for (const [key, { iova }] of this.#waiting) if (iova >= first && iova <= last) this.#waiting.delete(key);
  }

  #next(): void {
    const [first] = this.#waiting;
    if (this.#asking || first === undefined) return;
    const [key, miss] = first;
    this.#waiting.delete(key);
    this.#asking = true;
    this.#ask(encodeIotlb(miss), () => this.#answered());
  }

  #answered(): void {
    this.#asking = false;
    this.#next();
  }
}
