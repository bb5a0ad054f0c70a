/**
 * The functions behind the side effects that a table names. TypeScript derives from the table which ones a device must
 * be given, so a handler for a register that has no such effect, or a missing one, does not compile.
 */
import { RegisterTableError } from './errors.js';
import type { RegisterSpec, RegisterTable, SpecOf } from './table.js';

/**
 * Called when the guest reads: gets the stored value, returns what the guest reads (reserved and write-only bits still
 * read as zero). `index` is the place in an array of registers.
 */
export type ReadHandler<Value> = (stored: Value, index: number) => Value;

/**
 * Called once a write has taken effect. `written` has the bits of `rw` and `wo` as they are stored now, a one for each
 * `w1c` bit the guest wrote a one to, and zero elsewhere.
 */
export type WriteHandler<Value> = (written: Value, index: number) => void;

/** 8-byte registers carry bigints, all others numbers. */
type ValueOf<Width> = Width extends 8 ? bigint : number;

type NamesWith<T extends RegisterTable, Effect extends 'onRead' | 'onWrite'> = Extract<
  T['registers'][number],
  { readonly [E in Effect]: string }
>['name'];

type ReadHandlers<T extends RegisterTable> = {
  readonly [Name in NamesWith<T, 'onRead'>]: ReadHandler<ValueOf<SpecOf<T, Name>['width']>>;
};

type WriteHandlers<T extends RegisterTable> = {
  readonly [Name in NamesWith<T, 'onWrite'>]: WriteHandler<ValueOf<SpecOf<T, Name>['width']>>;
};

/** `Key` is required where `Group` has names, and must be left out where it has none. */
type Needed<Key extends string, Group> = [keyof Group] extends [never]
  ? { readonly [K in Key]?: undefined }
  : { readonly [K in Key]: Group };

/** The handlers a table asks for: `{ onRead: { NAME: … }, onWrite: { NAME: … } }`. */
export type Handlers<T extends RegisterTable> = Needed<'onRead', ReadHandlers<T>> & Needed<'onWrite', WriteHandlers<T>>;

/** Handlers once the table is no longer known to the type checker. */
export type AnyReadHandler = ReadHandler<number> | ReadHandler<bigint>;
export type AnyWriteHandler = WriteHandler<number> | WriteHandler<bigint>;
export interface UncheckedHandlers {
  readonly onRead?: Readonly<Record<string, AnyReadHandler>> | undefined;
  readonly onWrite?: Readonly<Record<string, AnyWriteHandler>> | undefined;
}

/** @throws RegisterTableError where handlers and table do not match, which TypeScript finds but JavaScript does not. */
export function checkHandlers(table: RegisterTable, handlers: UncheckedHandlers): void {
  for (const effect of ['onRead', 'onWrite'] as const) {
    const given = handlers[effect] ?? {};
    const needed = table.registers.filter((spec) => spec[effect] !== undefined);
    for (const spec of needed) checkHandler(table, spec, effect, given);
    const surplus = Object.keys(given).find((name) => !needed.some((spec) => spec.name === name));
    if (surplus !== undefined) {
      throw new RegisterTableError('handler', table.name, `${effect}.${surplus} is a handler the table does not name`);
    }
  }
}

function checkHandler(table: RegisterTable, spec: RegisterSpec, effect: 'onRead' | 'onWrite', given: object): void {
  const handler: unknown = Object.hasOwn(given, spec.name) ? Reflect.get(given, spec.name) : undefined;
  if (typeof handler === 'function') return;
  throw new RegisterTableError('handler', table.name, `pass the function ${effect}.${spec.name} (${spec[effect]})`);
}
