/**
 * C structure layouts as data: a table of fields gives the offsets by the rules of the x86-64 ABI (natural alignment)
 * and from them an encoder and a decoder.
 */
import type { CType } from './c-types.js';

/** Bytes that hold nothing: written as zero, left out of decoded values. */
export interface Padding extends CType<undefined> {
  readonly padding: true;
}

export type Fields = Readonly<Record<string, CType<unknown> | Padding>>;

/** The value of a structure: its fields without the padding. */
export type StructValue<F> = {
  -readonly [K in keyof F as F[K] extends Padding ? never : K]: F[K] extends CType<infer T> ? T : never;
};

/** The place of one field in its structure. */
export interface Member {
  /** Name of the field here. */
  readonly key: string;
  /** Path of the member in C, e.g. `cs` or `u.msi.data`. */
  readonly cName: string;
  readonly offset: number;
  readonly type: CType<unknown>;
}

export interface Struct<T> extends CType<T> {
  /** Name after `struct` in C. */
  readonly name: string;
  readonly members: readonly Member[];
  decode(bytes: Uint8Array, offset?: number): T;
  /** Missing fields are zero, as with a designated initialiser in C. */
  encode(value: Partial<T>): Uint8Array<ArrayBuffer>;
  encodeInto(bytes: Uint8Array, offset: number, value: Partial<T>): void;
}

/** Padding or reserved bytes, `length` of them, aligned to 1. */
export function padding(length: number): Padding {
  return {
    size: length,
    align: 1,
    padding: true,
    zero: () => undefined,
    read: () => undefined,
    write: () => undefined,
  };
}

const alignUp = (offset: number, align: number): number => Math.ceil(offset / align) * align;
const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

interface PlacedField {
  readonly key: string;
  readonly type: CType<unknown>;
  readonly offset: number;
}

function placeFields(fields: Fields): { placed: PlacedField[]; size: number; align: number } {
  const placed: PlacedField[] = [];
  let end = 0;
  let align = 1;
  for (const [key, field] of Object.entries(fields)) {
    const type = field as CType<unknown>;
    const offset = alignUp(end, type.align);
    if (!('padding' in type)) placed.push({ key, type, offset });
    end = offset + type.size;
    align = Math.max(align, type.align);
  }
  return { placed, size: alignUp(end, align), align };
}

class StructLayout<T> implements Struct<T> {
  readonly size: number;
  readonly align: number;
  readonly #placed: readonly PlacedField[];
  /** Made when asked for: most structures are only read and written, and making all takes milliseconds of each start. */
  #members: readonly Member[] | null = null;

  constructor(
    readonly name: string,
    fields: Fields,
  ) {
    const { placed, size, align } = placeFields(fields);
    this.#placed = placed;
    this.size = size;
    this.align = align;
  }

  get members(): readonly Member[] {
    this.#members ??= this.#placed.map((field) => ({ ...field, cName: field.type.cName ?? snakeCase(field.key) }));
    return this.#members;
  }

  zero(): T {
    return Object.fromEntries(this.#placed.map(({ key, type }) => [key, type.zero()])) as T;
  }

  read(view: DataView, offset: number): T {
    return Object.fromEntries(
      this.#placed.map((field) => [field.key, field.type.read(view, offset + field.offset)]),
    ) as T;
  }

  write(view: DataView, offset: number, value: T, path: string): void {
    this.#writeGiven(view, offset, value, path);
  }

  #writeGiven(view: DataView, offset: number, value: Partial<T>, path: string): void {
    for (const { key, type, offset: at } of this.#placed) {
      const given = (value as Record<string, unknown>)[key];
      if (given !== undefined) type.write(view, offset + at, given, `${path}.${key}`);
    }
  }

  decode(source: Uint8Array, offset = 0): T {
    return this.read(new DataView(source.buffer, source.byteOffset, source.byteLength), offset);
  }

  encode(value: Partial<T>): Uint8Array<ArrayBuffer> {
    const target = new Uint8Array(this.size);
    this.encodeInto(target, 0, value);
    return target;
  }

  encodeInto(target: Uint8Array, offset: number, value: Partial<T>): void {
    target.fill(0, offset, offset + this.size);
    this.#writeGiven(new DataView(target.buffer, target.byteOffset, target.byteLength), offset, value, this.name);
  }
}

/** `struct name { fields }`, in the order given. */
export function struct<F extends { readonly [K in keyof F]: CType<unknown> | Padding }>(
  name: string,
  fields: F,
): Struct<StructValue<F>> {
  return new StructLayout<StructValue<F>>(name, fields as Fields);
}

/** Byte offset of a field, for code that reads a structure in place. */
export function offsetOf<T>(layout: Struct<T>, key: keyof T & string): number {
  const member = layout.members.find((candidate) => candidate.key === key);
  if (member === undefined) throw new TypeError(`struct ${layout.name} has no field ${key}`);
  return member.offset;
}

/** The value type of a structure. */
export type ValueOf<S> = S extends Struct<infer T> ? T : never;
