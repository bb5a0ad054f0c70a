/**
 * What a table promises to the guest, written out as steps that a test carries out on a fresh device. The steps are
 * data, so that the same promises can be checked through any path to the device: directly, or over a region server.
 */
import { type AccessMasks, accessMasks, implementedMask, ones } from './masks.js';
import { offsetsOf, type RegisterSpec, type RegisterTable, type RegisterWidth, widthsOf } from './table.js';

/**
 * `set` stores a value from the device's side and `stored` expects one there; `read` and `write` are the guest's, where
 * a read expects `value`; `refused` expects that many refused accesses so far.
 */
export type Step =
  | { readonly op: 'set' | 'stored'; readonly register: string; readonly index: number; readonly value: bigint }
  | { readonly op: 'read' | 'write'; readonly offset: number; readonly size: number; readonly value: bigint }
  | { readonly op: 'refused'; readonly accesses: number };

export interface Expectation {
  /** A sentence, unique within the block. */
  readonly name: string;
  readonly steps: readonly Step[];
}

/** Expectations of a device whose side effects do nothing (`createInert`). Of an array, the first and last register. */
export function blockExpectations(block: { readonly table: RegisterTable }): Expectation[] {
  const registers = block.table.registers.flatMap((spec) => {
    const offsets = offsetsOf(spec);
    return [...new Set([0, offsets.length - 1])].map((index) => new Subject(spec, index, offsets[index]!));
  });
  const values = [resetValue, writtenOnes, writtenZeros, writtenOneToClear, clearedByReading, partialAccess];
  const refusals = [refusedWidths, refusedAlignment];
  const ofRegisters = registers.flatMap((one) => [...values, ...refusals].flatMap((expect) => expect(one)));
  return [...ofRegisters, ...unmapped(block.table)];
}

/** One register to make expectations of. */
class Subject {
  readonly masks: AccessMasks;
  /** Every bit the register has, set. */
  readonly full: bigint;
  readonly name: string;
  readonly widths: readonly RegisterWidth[];

  constructor(
    readonly spec: RegisterSpec,
    readonly index: number,
    readonly offset: number,
  ) {
    this.masks = accessMasks(spec);
    this.full = implementedMask(this.masks);
    this.name = (spec.count ?? 1) === 1 ? spec.name : `${spec.name}[${index}]`;
    this.widths = widthsOf(spec);
  }

  set(value: bigint): Step {
    return { op: 'set', register: this.spec.name, index: this.index, value };
  }

  /** What is stored, and then what the guest reads of it. */
  holds(value: bigint): Step[] {
    return [{ op: 'stored', register: this.spec.name, index: this.index, value }, ...this.reads(value)];
  }

  /** Access to the whole register, by the largest width it takes, low parts first. */
  whole(op: 'read' | 'write', value: bigint): Step[] {
    const size = Math.max(...this.widths);
    const parts = this.spec.width / size;
    return Array.from({ length: parts }, (_, part) => this.lane(op, size, part * size, value));
  }

  /** Access to `size` bytes, `at` bytes into the register, with the part of `value` that lies there. */
  lane(op: 'read' | 'write', size: number, at: number, value: bigint): Step {
    return { op, offset: this.offset + at, size, value: (value >> BigInt(8 * at)) & ones(size) };
  }

  /** A read that finds `stored`. */
  reads(stored: bigint): Step[] {
    return this.whole('read', stored & this.masks.readable);
  }

  /** What is stored once `value` has been written over `stored`. */
  after(stored: bigint, value: bigint): bigint {
    const { writable, clearedByWrite } = this.masks;
    return ((stored & ~writable) | (value & writable)) & ~(value & clearedByWrite);
  }
}

function resetValue(one: Subject): Expectation[] {
  return [{ name: `${one.name} starts with its reset value`, steps: one.holds(BigInt(one.spec.reset ?? 0)) }];
}

function writtenOnes(one: Subject): Expectation[] {
  const value = ones(one.spec.width);
  const steps = [one.set(0n), ...one.whole('write', value), ...one.holds(one.after(0n, value))];
  return [{ name: `${one.name} takes ones in its writable bits only`, steps }];
}

function writtenZeros(one: Subject): Expectation[] {
  const steps = [one.set(one.full), ...one.whole('write', 0n), ...one.holds(one.after(one.full, 0n))];
  return [{ name: `${one.name} takes zeros in its writable bits only`, steps }];
}

function writtenOneToClear(one: Subject): Expectation[] {
  const { clearedByWrite } = one.masks;
  if (clearedByWrite === 0n) return [];
  const lowest = clearedByWrite & -clearedByWrite;
  const steps = [one.set(one.full), ...one.whole('write', lowest), ...one.holds(one.after(one.full, lowest))];
  return [{ name: `${one.name} loses just the bit a one is written to`, steps }];
}

function clearedByReading(one: Subject): Expectation[] {
  if (one.masks.clearedByRead === 0n) return [];
  const steps = [one.set(one.full), ...one.reads(one.full), ...one.holds(one.full & ~one.masks.clearedByRead)];
  return [{ name: `${one.name} is cleared by reading it`, steps }];
}

function partialAccess(one: Subject): Expectation[] {
  return one.widths
    .filter((size) => size < one.spec.width)
    .flatMap((size) => Array.from({ length: one.spec.width / size }, (_, lane) => [size, lane * size] as const))
    .map(([size, at]) => partialAccessAt(one, size, at));
}

function partialAccessAt(one: Subject, size: number, at: number): Expectation {
  const lanes = ones(size) << BigInt(8 * at);
  const steps = [
    one.set(one.full),
    one.lane('read', size, at, one.full & one.masks.readable),
    one.set(0n),
    one.lane('write', size, at, lanes),
    ...one.holds(one.after(0n, lanes)),
  ];
  return { name: `${one.name} takes a ${size}-byte access at +${at} without touching its other bytes`, steps };
}

function refusedWidths(one: Subject): Expectation[] {
  const sizes = ([1, 2, 4] as const).filter((size) => !one.widths.includes(size));
  return sizes.map((size) => refusedAt(one, size, 0));
}

function refusedAlignment(one: Subject): Expectation[] {
  const sizes = one.widths.filter((size) => size === 2 || size === 4);
  return sizes.map((size) => refusedAt(one, size, 1));
}

function refusedAt(one: Subject, size: number, at: number): Expectation {
  const offset = one.offset + at;
  const steps = [one.set(one.full), ...refusedAccess(offset, size), ...one.holds(one.full)];
  return { name: `${one.name} refuses a ${size}-byte access at +${at}`, steps };
}

function refusedAccess(offset: number, size: number): Step[] {
  return [
    { op: 'read', offset, size, value: ones(size) },
    { op: 'write', offset, size, value: 0n },
    { op: 'refused', accesses: 2 },
  ];
}

/** The first byte of every gap between registers, and the first byte after the block. */
function unmapped(table: RegisterTable): Expectation[] {
  const mapped = new Set<number>();
  for (const spec of table.registers) {
    for (const start of offsetsOf(spec)) for (let at = 0; at < spec.width; at += 1) mapped.add(start + at);
  }
  const startsGap = (offset: number) => !mapped.has(offset) && (offset === 0 || mapped.has(offset - 1));
  const bytes = Array.from({ length: table.size }, (_, offset) => offset);
  const gaps = [...bytes.filter(startsGap), table.size];
  return gaps.map((offset) => ({ name: `nothing is at 0x${offset.toString(16)}`, steps: refusedAccess(offset, 1) }));
}
