/** A live register block: the device that a table and its handlers make. */
import type { RegisterDevice } from '../register-device.js';
import { RegisterNameError } from './errors.js';
import type { Instance } from './instance.js';
import type { Layout } from './layout.js';
import { RefusedAccesses } from './refused.js';
import type { Register, RegisterOf, WideRegister } from './register.js';
import { type RegisterState, restoreState, saveState } from './state.js';
import type { RegisterName, RegisterTable } from './table.js';
import { join } from './wide-word.js';
import type { RegisterWord } from './word.js';

const ALL_ONES = 0xffffffff;

/**
 * Serves the guest through `read` and `write`, and the device's author through `register`. An access that the table
 * does not allow reads as all ones, writes nothing and is counted in `refused`; nothing throws but a handler.
 */
export class RegisterBlockDevice<T extends RegisterTable = RegisterTable> implements RegisterDevice {
  readonly table: T;
  readonly refused = new RefusedAccesses();
  protected readonly instance: Instance;
  readonly #words: readonly RegisterWord[];
  readonly #wordAt: Uint16Array;

  constructor(table: T, layout: Layout, instance: Instance) {
    this.table = table;
    this.instance = instance;
    this.#words = instance.words;
    this.#wordAt = layout.wordAt;
  }

  /** Only where a register of the table takes 8-byte accesses. */
  read64?(offset: number): bigint;
  write64?(offset: number, value: bigint): void;

  read(offset: number, size: number): number {
    const word = this.#wordOf(offset);
    const mask = sizeMask(size);
    const at = offset - word.plan.offset;
    if (mask === 0 || !word.takes(at, size)) return this.#refuse(word, offset, size);
    if (word.plan.readable === 0) this.refused.writeOnly += 1;
    const shift = 8 * at;
    return ((word.read(mask << shift) >>> shift) & mask) >>> 0;
  }

  write(offset: number, size: number, value: number): void {
    const word = this.#wordOf(offset);
    const mask = sizeMask(size);
    const at = offset - word.plan.offset;
    if (mask === 0 || !word.takes(at, size)) {
      this.#refuse(word, offset, size);
      return;
    }
    if ((word.plan.writable | word.plan.clearedByWrite) === 0) this.refused.readOnly += 1;
    const shift = 8 * at;
    word.write(mask << shift, value << shift);
  }

  /**
   * The device's own access to a register: no access rules, no side effects. Worth keeping where it is used often.
   * @throws RegisterNameError where the table has no such register.
   */
  register<Name extends RegisterName<T>>(name: Name, index = 0): RegisterOf<T, Name> {
    const register = this.instance.registers.get(name)?.[index];
    if (register === undefined) throw new RegisterNameError(this.table.name, name, index);
    // Which of the two it is follows from the width in the table, as its type does.
    return register as Register & WideRegister as RegisterOf<T, Name>;
  }

  /** Stores the reset value in every register. Runs no handler and keeps the counters. */
  reset(): void {
    for (const word of this.#words) word.bits = word.plan.reset;
  }

  /** The stored values, as data that JSON can carry. */
  save(): RegisterState {
    return saveState(this.table, this.instance.registers);
  }

  /**
   * Stores what `save` returned, which may come from anywhere; runs no handler.
   * @throws RegisterStateError where this block cannot have saved it; every register is then as before.
   */
  restore(state: unknown): void {
    restoreState(this.table, this.instance.registers, state);
  }

  #wordOf(offset: number): RegisterWord {
    return this.#words[this.#wordAt[offset] ?? 0]!;
  }

  #refuse(word: RegisterWord, offset: number, size: number): number {
    if (word.plan.widths === 0) this.refused.unmapped += 1;
    else if (offset + size > word.plan.registerEnd) this.refused.crossing += 1;
    else this.refused.width += 1;
    return ALL_ONES;
  }
}

/**
 * A block with registers that take 8-byte accesses. At any other offset an 8-byte access is two 4-byte ones, low half
 * first, as it is on a device without `read64` and `write64`.
 */
export class WideRegisterBlockDevice<T extends RegisterTable> extends RegisterBlockDevice<T> {
  override read64(offset: number): bigint {
    const word = this.instance.wide.get(offset);
    if (word !== undefined) return word.read();
    const low = this.read(offset, 4);
    return join(low, this.read(offset + 4, 4));
  }

  override write64(offset: number, value: bigint): void {
    const word = this.instance.wide.get(offset);
    if (word !== undefined) {
      word.write(value);
      return;
    }
    this.write(offset, 4, Number(value & 0xffffffffn));
    this.write(offset + 4, 4, Number((value >> 32n) & 0xffffffffn));
  }
}

/** The bits of an access of `size` bytes, as a signed integer; 0 where there is no such access. */
function sizeMask(size: number): number {
  if (size === 4) return -1;
  if (size === 2) return 0xffff;
  return size === 1 ? 0xff : 0;
}
