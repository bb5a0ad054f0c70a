/**
 * The routing table of a VM, which KVM only replaces as a whole: devices on several threads change their own entries of
 * a shared copy, and each change sends all of it.
 */
import type { GsiRoute, MsiMessage } from '../../kvm/index.js';
import { Interrupts } from '../../kvm/interrupts.js';
import { GsiRangeError } from './errors.js';
import { acquire, release } from './shared-lock.js';

/** `used`: behind the last entry that was ever taken. */
const HeadWord = { lock: 0, used: 1, size: 2 } as const;
const EntryWord = { state: 0, addressLow: 1, addressHigh: 2, data: 3, size: 4 } as const;
/** `taken`: by a device that has no message for it yet. */
const State = { free: 0, taken: 1, set: 2 } as const;

/** GSIs 0 to 23: what KVM_CREATE_IRQCHIP routes to the PICs and the IOAPIC, and a new table must repeat. */
export const IRQCHIP_ROUTES: readonly GsiRoute[] = Array.from({ length: 24 }, (_, gsi): GsiRoute[] => [
  ...(gsi < 8 ? [{ gsi, irqchip: 'picMaster' as const, pin: gsi }] : []),
  ...(gsi >= 8 && gsi < 16 ? [{ gsi, irqchip: 'picSlave' as const, pin: gsi - 8 }] : []),
  { gsi, irqchip: 'ioapic' as const, pin: gsi },
]).flat();

export interface GsiRoutesOptions {
  /** Routes to pins, which stay as they are. Default: IRQCHIP_ROUTES. */
  readonly pins?: readonly GsiRoute[];
  /** The first GSI for messages. Default 24. */
  readonly firstGsi?: number;
  /** GSIs for messages, for all devices together. Default 1024. */
  readonly count?: number;
}

/** Plain data, for Workers. */
export interface SharedGsiRoutes {
  readonly vm: number;
  readonly pins: readonly GsiRoute[];
  readonly firstGsi: number;
  readonly count: number;
  readonly words: SharedArrayBuffer;
}

export class GsiRoutes {
  readonly #shared: SharedGsiRoutes;
  readonly #words: Int32Array;
  readonly #interrupts: Pick<Interrupts, 'setRoutes'>;

  private constructor(shared: SharedGsiRoutes, interrupts: Pick<Interrupts, 'setRoutes'>) {
    this.#shared = shared;
    this.#words = new Int32Array(shared.words);
    this.#interrupts = interrupts;
  }

  /** One per VM. */
  static create(
    vm: { readonly fd: { readonly number: number }; readonly interrupts: Pick<Interrupts, 'setRoutes'> },
    { pins = IRQCHIP_ROUTES, firstGsi = 24, count = 1024 }: GsiRoutesOptions = {},
  ): GsiRoutes {
    const words = new SharedArrayBuffer(4 * (HeadWord.size + count * EntryWord.size));
    return new GsiRoutes({ vm: vm.fd.number, pins, firstGsi, count, words }, vm.interrupts);
  }

  static open(shared: SharedGsiRoutes): GsiRoutes {
    return new GsiRoutes(shared, new Interrupts({ number: shared.vm }));
  }

  share(): SharedGsiRoutes {
    return this.#shared;
  }

  /** Takes `count` GSIs in a row for one device; the first is returned. @throws GsiRangeError where none are left */
  allocate(count: number): number {
    acquire(this.#words, HeadWord.lock);
    try {
      const first = this.#findFree(count);
      for (let index = first; index < first + count; index++) this.#words[this.#at(index)] = State.taken;
      this.#words[HeadWord.used] = Math.max(this.#words[HeadWord.used]!, first + count);
      return this.#shared.firstGsi + first;
    } finally {
      release(this.#words, HeadWord.lock);
    }
  }

  /** Gives them back, when nothing raises them any more. Their messages go with the next change of the table. */
  free(gsi: number, count: number): void {
    const first = gsi - this.#shared.firstGsi;
    acquire(this.#words, HeadWord.lock);
    for (let index = first; index < first + count; index++) this.#words[this.#at(index)] = State.free;
    release(this.#words, HeadWord.lock);
  }

  /** The first of `count` free entries in a row. */
  #findFree(count: number): number {
    const { count: limit } = this.#shared;
    let [run, longest] = [0, 0];
    for (let index = 0; index < limit; index++) {
      run = this.#words[this.#at(index)] === State.free ? run + 1 : 0;
      if (run === count) return index + 1 - count;
      longest = Math.max(longest, run);
    }
    throw new GsiRangeError(count, longest);
  }

  /** From the return on, the GSI sends this message. @throws KvmIoctlError */
  set(gsi: number, message: MsiMessage): void {
    acquire(this.#words, HeadWord.lock);
    try {
      this.#store(gsi, message);
      this.#interrupts.setRoutes([...this.#shared.pins, ...this.#messages()]);
    } finally {
      release(this.#words, HeadWord.lock);
    }
  }

  #store(gsi: number, { address, data }: MsiMessage): void {
    const at = this.#at(gsi - this.#shared.firstGsi);
    const wide = BigInt(address);
    this.#words[at + EntryWord.addressLow] = Number(BigInt.asIntN(32, wide));
    this.#words[at + EntryWord.addressHigh] = Number(BigInt.asIntN(32, wide >> 32n));
    this.#words[at + EntryWord.data] = data;
    this.#words[at + EntryWord.state] = State.set;
  }

  #messages(): GsiRoute[] {
    const { firstGsi } = this.#shared;
    const used = Array.from({ length: this.#words[HeadWord.used]! }, (_, index) => index);
    return used
      .filter((index) => this.#words[this.#at(index) + EntryWord.state] === State.set)
      .map((index) => ({ gsi: firstGsi + index, ...this.#message(this.#at(index)) }));
  }

  #message(at: number): MsiMessage {
    const high = BigInt(this.#words[at + EntryWord.addressHigh]! >>> 0);
    const low = BigInt(this.#words[at + EntryWord.addressLow]! >>> 0);
    return { address: (high << 32n) | low, data: this.#words[at + EntryWord.data]! >>> 0 };
  }

  #at(index: number): number {
    return HeadWord.size + index * EntryWord.size;
  }
}
