/** ACPI Machine Language, as much of it as a small DSDT needs (ACPI 6.5, chapter 20). Each function makes the bytes of a term. */

/** Bytes, each a character up to 0xff: nested terms are put together without being copied, before any code is warm. */
export type Aml = string;

export const aml = (...bytes: number[]): Aml => String.fromCharCode(...bytes);

export const bytesOf = (terms: Aml): Uint8Array => Uint8Array.from(Buffer.from(terms, 'latin1'));

const Op = {
  zero: 0x00,
  one: 0x01,
  name: 0x08,
  byte: 0x0a,
  word: 0x0b,
  dword: 0x0c,
  scope: 0x10,
  buffer: 0x11,
  package: 0x12,
  method: 0x14,
  extended: 0x5b,
  region: 0x80,
  field: 0x81,
  device: 0x82,
  store: 0x70,
  and: 0x7b,
  notify: 0x86,
  if: 0xa0,
} as const;

const ROOT = 0x5c;
const DUAL_NAME = 0x2e;
const MULTI_NAME = 0x2f;
/** Below 64: the encoding of lengths has such a number as it is. */
const REGISTER_BITS = 32;
const SEGMENT = /^[A-Z_][A-Z0-9_]{0,3}$/;

/** A path of name segments, `\` in front where it begins at the root. */
function namePath(path: string): Aml {
  const isRooted = path.startsWith('\\');
  const segments = (isRooted ? path.slice(1) : path).split('.').map(nameSegment);
  const prefix = ['', '', aml(DUAL_NAME)][segments.length] ?? aml(MULTI_NAME, segments.length);
  return (isRooted ? aml(ROOT) : '') + prefix + segments.join('');
}

function nameSegment(name: string): Aml {
  if (!SEGMENT.test(name)) throw new RangeError(`"${name}" is no ACPI name`);
  return name.padEnd(4, '_');
}

/** The length counts its own bytes: one for up to 63 in all, otherwise the low 4 bits and up to three bytes. */
function withLength(body: Aml): Aml {
  if (body.length + 1 < 0x40) return aml(body.length + 1) + body;
  const extra = body.length + 2 < 0x1000 ? 1 : body.length + 3 < 0x10_0000 ? 2 : 3;
  const total = body.length + 1 + extra;
  return aml((extra << 6) | (total & 0xf)) + little(Math.floor(total / 16), extra) + body;
}

export function integer(value: number): Aml {
  if (value === 0) return aml(Op.zero);
  if (value === 1) return aml(Op.one);
  if (value <= 0xff) return aml(Op.byte, value);
  return value <= 0xffff ? aml(Op.word) + little(value, 2) : aml(Op.dword) + little(value, 4);
}

export function name(path: string, value: Aml): Aml {
  return aml(Op.name) + namePath(path) + value;
}

export function packageOf(elements: readonly Aml[]): Aml {
  return aml(Op.package) + withLength(aml(elements.length) + elements.join(''));
}

export function buffer(bytes: Aml): Aml {
  return aml(Op.buffer) + withLength(integer(bytes.length) + bytes);
}

export function scope(path: string, terms: readonly Aml[]): Aml {
  return aml(Op.scope) + withLength(namePath(path) + terms.join(''));
}

export function device(path: string, terms: readonly Aml[]): Aml {
  return aml(Op.extended, Op.device) + withLength(namePath(path) + terms.join(''));
}

/** Locals 0 to 7 of a method. */
export const local = (index: number): Aml => aml(0x60 + index);

/** An object by its name, or a call of a method without arguments. */
export const reference = (path: string): Aml => namePath(path);

/** `serialized`: one thread at a time is in it. */
export function method(path: string, args: number, terms: readonly Aml[], serialized = false): Aml {
  const flags = args | (serialized ? 1 << 3 : 0);
  return aml(Op.method) + withLength(namePath(path) + aml(flags) + terms.join(''));
}

/** Ports as an operation region. */
export function portRegion(path: string, port: number, length: number): Aml {
  const systemIo = 1;
  return aml(Op.extended, Op.region) + namePath(path) + aml(systemIo) + integer(port) + integer(length);
}

/** Registers of 32 bits, one after the other from the start of a region, each accessed as a whole. */
export function dwordFields(region: string, names: readonly string[]): Aml {
  const dwordAccessNoLockPreserve = 3;
  const units = names.map((unit) => nameSegment(unit) + aml(REGISTER_BITS)).join('');
  return aml(Op.extended, Op.field) + withLength(namePath(region) + aml(dwordAccessNoLockPreserve) + units);
}

export function store(value: Aml, target: Aml): Aml {
  return aml(Op.store) + value + target;
}

export function and(a: Aml, b: Aml): Aml {
  const noTarget = 0;
  return aml(Op.and) + a + b + aml(noTarget);
}

export function when(condition: Aml, terms: readonly Aml[]): Aml {
  return aml(Op.if) + withLength(condition + terms.join(''));
}

export function notify(object: string, value: number): Aml {
  return aml(Op.notify) + namePath(object) + integer(value);
}

/** A compressed EISA ID, like `PNP0A08`: three letters of 5 bits and four hexadecimal digits, big-endian. */
export function eisaId(id: string): Aml {
  const letter = (index: number): number => id.charCodeAt(index) - 0x40;
  const word = (letter(0) << 26) | (letter(1) << 21) | (letter(2) << 16) | Number.parseInt(id.slice(3), 16);
  return aml(Op.dword, word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
}

/** `size` bytes of a number, the lowest first. */
export function little(value: number, size: number): Aml {
  let bytes = '';
  for (let rest = value, left = size; left > 0; left--) {
    bytes += aml(rest % 256);
    rest = Math.floor(rest / 256);
  }
  return bytes;
}
