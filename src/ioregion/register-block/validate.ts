/** Checks a table when a block is defined, so that nothing needs checking at an access. */
import { RegisterTableError, type TableRule } from './errors.js';
import { type AccessMasks, accessMasks, fieldMask, implementedMask, isRegisterAccess, ones } from './masks.js';
import { offsetsOf, type RegisterSpec, type RegisterTable, widthsOf } from './table.js';

const MAX_BLOCK_SIZE = 65536;
const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
const WIDTHS: readonly number[] = [1, 2, 4, 8];

/** @throws RegisterTableError naming the rule that the first faulty entry breaks. */
export function validateTable(table: RegisterTable): void {
  const check = checker(table.name, '');
  check(isInteger(table.size, 1, MAX_BLOCK_SIZE), 'size', `size must be an integer from 1 to ${MAX_BLOCK_SIZE} bytes`);
  const names = table.registers.map((spec) => spec.name);
  for (const spec of table.registers) validateRegister(table, spec);
  check(new Set(names).size === names.length, 'name', 'two registers have the same name');
  checkOverlaps(table);
}

type Check = (holds: boolean, rule: TableRule, demand: string) => void;

function checker(block: string, register: string): Check {
  return (holds, rule, demand) => {
    if (!holds) throw new RegisterTableError(rule, block, register === '' ? demand : `${register}: ${demand}`);
  };
}

function validateRegister(table: RegisterTable, spec: RegisterSpec): void {
  const check = checker(table.name, spec.name);
  check(NAME.test(spec.name), 'name', 'a name is a letter, then letters, digits and underscores');
  checkWidths(spec, check);
  checkPlace(table, spec, check);
  check(isRegisterAccess(spec.access), 'access', `unknown access ${spec.access}`);
  checkFields(spec, check);
  const masks = accessMasks(spec);
  checkReset(spec, masks, check);
  checkEffects(spec, masks, check);
}

function checkWidths(spec: RegisterSpec, check: Check): void {
  const widths = widthsOf(spec);
  check(WIDTHS.includes(spec.width), 'width', 'width must be 1, 2, 4 or 8 bytes');
  check(widths.length > 0, 'width', 'widths must name at least one access size');
  const fit = widths.every((width) => WIDTHS.includes(width) && width <= spec.width);
  check(fit, 'width', `widths must be 1, 2, 4 or 8 and at most the register's ${spec.width} bytes`);
}

function checkPlace(table: RegisterTable, spec: RegisterSpec, check: Check): void {
  const { count = 1, stride = spec.width } = spec;
  check(isInteger(spec.offset, 0, table.size), 'offset', 'offset must be an integer inside the block');
  check(spec.offset % spec.width === 0, 'offset', 'offset must be a multiple of width');
  check(isInteger(count, 1, table.size), 'array', 'count must be an integer from 1');
  const strided = isInteger(stride, spec.width, Number.MAX_SAFE_INTEGER) && stride % spec.width === 0;
  check(strided, 'array', 'stride must be a multiple of width, at least width');
  const end = spec.offset + (count - 1) * stride + spec.width;
  check(end <= table.size, 'size', `it ends beyond the block's ${table.size} bytes`);
}

function checkFields(spec: RegisterSpec, check: Check): void {
  let taken = 0n;
  for (const field of spec.bits ?? []) {
    check(NAME.test(field.name), 'name', `bit field ${field.name}: not a name`);
    check(field.access === undefined || isRegisterAccess(field.access), 'access', `${field.name}: unknown access`);
    const placed = isInteger(field.bit, 0, 63) && isInteger(field.width ?? 1, 1, 64);
    check(placed && fieldMask(field) <= ones(spec.width), 'bits', `${field.name} does not fit into the register`);
    check((fieldMask(field) & taken) === 0n, 'overlap', `${field.name} shares bits with another field`);
    taken |= fieldMask(field);
  }
  const names = spec.bits?.map((field) => field.name) ?? [];
  check(new Set(names).size === names.length, 'name', 'two bit fields have the same name');
}

function checkReset(spec: RegisterSpec, masks: AccessMasks, check: Check): void {
  const { reset = 0 } = spec;
  check(typeof reset === 'bigint' || Number.isSafeInteger(reset), 'reset', 'reset must be a safe integer or a bigint');
  const fits = reset >= 0 && reset <= ones(spec.width);
  check(fits, 'reset', `reset does not fit into ${spec.width} bytes`);
  const reserved = ones(spec.width) & ~implementedMask(masks);
  check((BigInt(reset) & reserved) === 0n, 'reset', 'reset sets reserved bits');
}

function checkEffects(spec: RegisterSpec, { readable, writable, clearedByWrite }: AccessMasks, check: Check): void {
  check(spec.onRead === undefined || readable !== 0n, 'effect', 'onRead on a register that cannot be read');
  const writes = (writable | clearedByWrite) !== 0n;
  check(spec.onWrite === undefined || writes, 'effect', 'onWrite on a register that cannot be written');
}

function checkOverlaps(table: RegisterTable): void {
  const owners = new Array<string | undefined>(table.size);
  for (const spec of table.registers) {
    for (const start of offsetsOf(spec)) {
      const other = owners.slice(start, start + spec.width).find((owner) => owner !== undefined);
      checker(table.name, spec.name)(other === undefined, 'overlap', `it overlaps ${other}`);
      owners.fill(spec.name, start, start + spec.width);
    }
  }
}

function isInteger(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
