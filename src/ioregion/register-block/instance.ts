/** Makes the live registers of one device from its block's layout, and hangs the side effects onto them. */
import type { ReadHandler, UncheckedHandlers, WriteHandler } from './handlers.js';
import type { Layout } from './layout.js';
import { Register, WideRegister } from './register.js';
import { offsetsOf, type RegisterSpec, type RegisterTable, widthsOf } from './table.js';
import { WideWord } from './wide-word.js';
import { RegisterWord } from './word.js';

export interface Instance {
  /** In the order of the layout's words. */
  readonly words: readonly RegisterWord[];
  /** Every register by name and array index. */
  readonly registers: ReadonlyMap<string, readonly (Register | WideRegister)[]>;
  /** Registers that take 8-byte accesses, by offset. */
  readonly wide: ReadonlyMap<number, WideWord>;
}

/** `handlers` have been checked against `table`. */
export function makeInstance(table: RegisterTable, layout: Layout, handlers: UncheckedHandlers): Instance {
  const words = layout.words.map((plan) => new RegisterWord(plan));
  const wide = new Map<number, WideWord>();
  const makeOne = (spec: RegisterSpec, offset: number, index: number): Register | WideRegister => {
    const first = layout.wordAt[offset]!;
    if (spec.width !== 8) return makeRegister(words[first]!, spec, index, handlers);
    const word = makeWideWord(words[first]!, words[first + 1]!, spec, index, handlers);
    if (widthsOf(spec).includes(8)) wide.set(offset, word);
    return new WideRegister(word);
  };
  const makeRow = (spec: RegisterSpec) => offsetsOf(spec).map((offset, index) => makeOne(spec, offset, index));
  const registers = new Map(table.registers.map((spec) => [spec.name, makeRow(spec)]));
  return { words, registers, wide };
}

function makeRegister(word: RegisterWord, spec: RegisterSpec, index: number, handlers: UncheckedHandlers): Register {
  const onRead = handlers.onRead?.[spec.name] as ReadHandler<number> | undefined;
  const onWrite = handlers.onWrite?.[spec.name] as WriteHandler<number> | undefined;
  if (onRead !== undefined) word.onRead = (stored) => onRead(stored >>> 0, index);
  if (onWrite !== undefined) word.onWrite = (written) => onWrite(written >>> 0, index);
  return new Register(word);
}

function makeWideWord(
  low: RegisterWord,
  high: RegisterWord,
  spec: RegisterSpec,
  index: number,
  handlers: UncheckedHandlers,
): WideWord {
  const word = new WideWord(low, high);
  const onRead = handlers.onRead?.[spec.name] as ReadHandler<bigint> | undefined;
  const onWrite = handlers.onWrite?.[spec.name] as WriteHandler<bigint> | undefined;
  if (onRead !== undefined) word.setReadHandler(onRead, index);
  if (onWrite !== undefined) word.setWriteHandler(onWrite, index);
  return word;
}
