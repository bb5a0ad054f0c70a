/** Saved register values. What comes back may be damaged or hostile: it is checked whole before any of it is used. */
import { RegisterStateError } from './errors.js';
import { accessMasks, implementedMask } from './masks.js';
import type { Register, WideRegister } from './register.js';
import type { RegisterSpec, RegisterTable } from './table.js';

/** Registers by name, each with one value per array index: a number, or `0x` and hexadecimal digits for 8 bytes. */
export interface RegisterState {
  readonly block: string;
  readonly registers: Readonly<Record<string, readonly (number | string)[]>>;
}

type Registers = ReadonlyMap<string, readonly (Register | WideRegister)[]>;

export function saveState(table: RegisterTable, registers: Registers): RegisterState {
  const rows = [...registers].map(([name, row]) => [name, row.map((register) => saveValue(register.value))] as const);
  return { block: table.name, registers: Object.fromEntries(rows) };
}

function saveValue(value: number | bigint): number | string {
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
}

/** @throws RegisterStateError before anything is stored. */
export function restoreState(table: RegisterTable, registers: Registers, state: unknown): void {
  const rows = checkState(table, state);
  for (const [name, values] of rows) {
    for (const [index, register] of registers.get(name)!.entries()) register.value = values[index]!;
  }
}

type Rows = [name: string, values: (number | bigint)[]][];

function checkState(table: RegisterTable, state: unknown): Rows {
  if (property(state, 'block') !== table.name) throw new RegisterStateError(table.name, 'it is of another block');
  const saved = property(state, 'registers');
  const names = typeof saved === 'object' && saved !== null ? Object.keys(saved) : [];
  const unknown = names.find((name) => !table.registers.some((spec) => spec.name === name));
  if (unknown !== undefined) throw new RegisterStateError(table.name, `there is no register ${unknown}`);
  return table.registers.map((spec) => [spec.name, checkRow(table, spec, property(saved, spec.name))]);
}

function checkRow(table: RegisterTable, spec: RegisterSpec, values: unknown): (number | bigint)[] {
  const count = spec.count ?? 1;
  if (!Array.isArray(values) || values.length !== count) {
    throw new RegisterStateError(table.name, `${spec.name} must be an array of ${count}`);
  }
  const implemented = implementedMask(accessMasks(spec));
  return Array.from(values, (value: unknown) => {
    const bits = parseValue(spec, value);
    if (bits !== null && (bits & ~implemented) === 0n) return spec.width === 8 ? bits : Number(bits);
    throw new RegisterStateError(table.name, `${spec.name} cannot have the value ${describe(value)}`);
  });
}

function parseValue(spec: RegisterSpec, value: unknown): bigint | null {
  if (spec.width === 8) return typeof value === 'string' && /^0x[0-9a-f]{1,16}$/.test(value) ? BigInt(value) : null;
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? BigInt(value) : null;
}

function describe(value: unknown): string {
  return typeof value === 'number' || typeof value === 'string' ? String(value).slice(0, 20) : typeof value;
}

/** An own property, so that a name such as `constructor` finds nothing of the prototype's. */
function property(object: unknown, key: string): unknown {
  return typeof object === 'object' && object !== null && Object.hasOwn(object, key) ? Reflect.get(object, key) : null;
}
