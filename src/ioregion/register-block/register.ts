/**
 * The device's side of a register: what is stored, without access rules or side effects. Reserved bits stay zero
 * whatever is assigned.
 */
import type { WordPlan } from './layout.js';
import type { RegisterTable, SpecOf } from './table.js';
import { highHalf, join, lowHalf, type WideWord } from './wide-word.js';
import type { RegisterWord } from './word.js';

/** A register of 1, 2 or 4 bytes. */
export class Register {
  readonly #word: RegisterWord;

  constructor(word: RegisterWord) {
    this.#word = word;
  }

  /** Unsigned; what is assigned loses the bits the register does not have. */
  get value(): number {
    return this.#word.bits >>> 0;
  }

  set value(value: number) {
    this.#word.bits = value & implemented(this.#word.plan);
  }
}

/** A register of 8 bytes. */
export class WideRegister {
  readonly #word: WideWord;

  constructor(word: WideWord) {
    this.#word = word;
  }

  /** Unsigned; what is assigned loses the bits the register does not have. */
  get value(): bigint {
    return join(this.#word.low.bits, this.#word.high.bits);
  }

  set value(value: bigint) {
    const { low, high } = this.#word;
    low.bits = lowHalf(value) & implemented(low.plan);
    high.bits = highHalf(value) & implemented(high.plan);
  }
}

/** The kind of register that `Name` is. */
export type RegisterOf<T extends RegisterTable, Name> = OfWidth<SpecOf<T, Name>['width']>;

type OfWidth<Width> = Width extends 8 ? WideRegister : Register;

function implemented(plan: WordPlan): number {
  return plan.readable | plan.writable;
}
