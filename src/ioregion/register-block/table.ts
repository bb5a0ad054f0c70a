/**
 * The shape of a register block's table: pure data, from which the device, its documentation and its tests are made.
 * Side effects are named (and described) here; the functions behind them come when a device is created.
 */

/** Bytes. */
export type RegisterWidth = 1 | 2 | 4 | 8;

/**
 * What the guest may do with a bit:
 * `ro` read; `rw` read and write; `wo` write, reads as zero; `w1c` read, and clear by writing a one; `rc` read, which
 * clears it.
 */
export type RegisterAccess = 'ro' | 'rw' | 'wo' | 'w1c' | 'rc';

/** Some bits of a register. Where a register has fields, the bits outside them are reserved: they read as zero. */
export interface BitField {
  /** The lowest bit. */
  readonly bit: number;
  /** How many bits; 1 unless given. */
  readonly width?: number;
  readonly name: string;
  readonly description: string;
  /** The register's access unless given. */
  readonly access?: RegisterAccess;
}

/** One register, or an array of `count` equal ones. */
export interface RegisterSpec {
  /** Bytes from the start of the block; a multiple of `width`. */
  readonly offset: number;
  readonly width: RegisterWidth;
  /** Access sizes the register takes, none larger than `width`; `[width]` unless given. */
  readonly widths?: readonly RegisterWidth[];
  readonly name: string;
  readonly description: string;
  readonly access: RegisterAccess;
  /** Value after reset; 0 unless given. */
  readonly reset?: number | bigint;
  readonly bits?: readonly BitField[];
  /** Number of registers in the array; 1 unless given. */
  readonly count?: number;
  /** Bytes from one register of the array to the next; `width` unless given. */
  readonly stride?: number;
  /** Names the side effect of a read, which a read handler carries out. */
  readonly onRead?: string;
  /** Names the side effect of a write, which a write handler carries out. */
  readonly onWrite?: string;
}

export interface RegisterTable {
  readonly name: string;
  readonly description: string;
  /** Bytes; at most 65536. */
  readonly size: number;
  readonly registers: readonly RegisterSpec[];
}

/** The names of a table's registers. */
export type RegisterName<T extends RegisterTable> = T['registers'][number]['name'];

/** The entry of the register called `Name`. */
export type SpecOf<T extends RegisterTable, Name> = Extract<T['registers'][number], { readonly name: Name }>;

/** Access sizes that `spec` takes. */
export function widthsOf(spec: RegisterSpec): readonly RegisterWidth[] {
  return spec.widths ?? [spec.width];
}

/** The offset of every register of the array `spec`; one where it is no array. */
export function offsetsOf(spec: RegisterSpec): number[] {
  const { count = 1, stride = spec.width } = spec;
  return Array.from({ length: count }, (_, index) => spec.offset + index * stride);
}
