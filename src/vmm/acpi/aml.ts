/** ACPI Machine Language, as much of it as a small DSDT needs (ACPI 6.5, chapter 20). Each function makes the bytes of a term. */

export type Aml = readonly number[];

const Op = {
  zero: 0x00,
  one: 0x01,
  name: 0x08,
  byte: 0x0a,
  word: 0x0b,
  dword: 0x0c,
  string: 0x0d,
  scope: 0x10,
  buffer: 0x11,
  package: 0x12,
  extended: 0x5b,
  device: 0x82,
} as const;

const ROOT = 0x5c;
const DUAL_NAME = 0x2e;
const SEGMENT = /^[A-Z_][A-Z0-9_]{0,3}$/;

/** A path of one or two name segments, `\` in front where it begins at the root. */
function namePath(path: string): Aml {
  const isRooted = path.startsWith('\\');
  const segments = (isRooted ? path.slice(1) : path).split('.').map(nameSegment);
  const prefix = segments.length === 2 ? [DUAL_NAME] : [];
  return [...(isRooted ? [ROOT] : []), ...prefix, ...segments.flat()];
}

function nameSegment(name: string): Aml {
  if (!SEGMENT.test(name)) throw new RangeError(`"${name}" is no ACPI name`);
  return [...name.padEnd(4, '_')].map((character) => character.charCodeAt(0));
}

/** The length counts its own bytes: one for up to 63 in all, otherwise the low 4 bits and up to three bytes. */
function withLength(body: Aml): Aml {
  if (body.length + 1 < 0x40) return [body.length + 1, ...body];
  const extra = body.length + 2 < 0x1000 ? 1 : body.length + 3 < 0x10_0000 ? 2 : 3;
  const total = body.length + 1 + extra;
  const rest = Array.from({ length: extra }, (_, index) => (total >> (4 + 8 * index)) & 0xff);
  return [(extra << 6) | (total & 0xf), ...rest, ...body];
}

export function integer(value: number): Aml {
  if (value === 0) return [Op.zero];
  if (value === 1) return [Op.one];
  if (value <= 0xff) return [Op.byte, value];
  return value <= 0xffff ? [Op.word, ...little(value, 2)] : [Op.dword, ...little(value, 4)];
}

export function string(text: string): Aml {
  return [Op.string, ...new TextEncoder().encode(text), 0];
}

export function name(path: string, value: Aml): Aml {
  return [Op.name, ...namePath(path), ...value];
}

export function packageOf(elements: readonly Aml[]): Aml {
  return [Op.package, ...withLength([elements.length, ...elements.flat()])];
}

export function buffer(bytes: Aml): Aml {
  return [Op.buffer, ...withLength([...integer(bytes.length), ...bytes])];
}

export function scope(path: string, terms: readonly Aml[]): Aml {
  return [Op.scope, ...withLength([...namePath(path), ...terms.flat()])];
}

export function device(path: string, terms: readonly Aml[]): Aml {
  return [Op.extended, Op.device, ...withLength([...namePath(path), ...terms.flat()])];
}

/** A compressed EISA ID, like `PNP0A08`: three letters of 5 bits and four hexadecimal digits, big-endian. */
export function eisaId(id: string): Aml {
  const letter = (index: number): number => id.charCodeAt(index) - 0x40;
  const word = (letter(0) << 26) | (letter(1) << 21) | (letter(2) << 16) | Number.parseInt(id.slice(3), 16);
  return [Op.dword, ...little(word >>> 0, 4).toReversed()];
}

/** `size` bytes of a number, the lowest first. */
export function little(value: number, size: number): Aml {
  return Array.from({ length: size }, (_, index) => Math.floor(value / 2 ** (8 * index)) % 256);
}
