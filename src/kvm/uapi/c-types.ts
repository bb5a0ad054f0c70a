/**
 * The scalar and array types of C structures. Values outside a field's range are refused, never truncated.
 */
import { KvmFieldRangeError } from '../errors.js';

/** One C type: how many bytes it takes, how it is aligned, and how its value is read and written (little-endian). */
export interface CType<T> {
  readonly size: number;
  readonly align: number;
  /** The value of a field that is left out when encoding. */
  zero(): T;
  read(view: DataView, offset: number): T;
  /** `field` names the value in the error for one that does not fit. */
  write(view: DataView, offset: number, value: T, field: string): void;
  /** Member name in C where it is not the field's own name in snake case, e.g. `u.msi.data`. */
  readonly cName?: string;
}

function unsigned(size: 1 | 2 | 4, get: 'getUint8' | 'getUint16' | 'getUint32'): CType<number> {
  const set = get.replace('get', 'set') as 'setUint8' | 'setUint16' | 'setUint32';
  const limit = 2 ** (8 * size);
  return {
    size,
    align: size,
    zero: () => 0,
    read: (view, offset) => view[get](offset, true),
    write(view, offset, value, field) {
      if (!Number.isInteger(value) || value < 0 || value >= limit) throw new KvmFieldRangeError(field, value, size);
      view[set](offset, value, true);
    },
  };
}

export const u8 = unsigned(1, 'getUint8');
export const u16 = unsigned(2, 'getUint16');
export const u32 = unsigned(4, 'getUint32');

export const s32: CType<number> = {
  size: 4,
  align: 4,
  zero: () => 0,
  read: (view, offset) => view.getInt32(offset, true),
  write(view, offset, value, field) {
    if ((value | 0) !== value) throw new KvmFieldRangeError(field, value, 4);
    view.setInt32(offset, value, true);
  },
};

export const u64: CType<bigint> = {
  size: 8,
  align: 8,
  zero: () => 0n,
  read: (view, offset) => view.getBigUint64(offset, true),
  write(view, offset, value, field) {
    if (BigInt.asUintN(64, value) !== value) throw new KvmFieldRangeError(field, value, 8);
    view.setBigUint64(offset, value, true);
  },
};

/** `type name[count]`; a shorter array leaves the rest zero, a longer one is refused. */
export function array<T>(type: CType<T>, count: number): CType<T[]> {
  const { size, align } = type;
  return {
    size: size * count,
    align,
    zero: () => Array.from({ length: count }, () => type.zero()),
    read: (view, offset) => Array.from({ length: count }, (_, i) => type.read(view, offset + i * size)),
    write(view, offset, value, field) {
      if (value.length > count) throw new KvmFieldRangeError(`${field}.length`, value.length, size * count);
      value.forEach((item, i) => {
        type.write(view, offset + i * size, item, `${field}[${i}]`);
      });
    },
  };
}

/** `__u8 name[length]`, as a copy. */
export function bytes(length: number): CType<Uint8Array> {
  return {
    size: length,
    align: 1,
    zero: () => new Uint8Array(length),
    read: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, length).slice(),
    write(view, offset, value, field) {
      if (value.length > length) throw new KvmFieldRangeError(`${field}.length`, value.length, length);
      new Uint8Array(view.buffer, view.byteOffset + offset, length).set(value);
    },
  };
}

/** The same type under another member name in C. */
export function cNamed<T>(cName: string, type: CType<T>): CType<T> {
  return { ...type, cName };
}
