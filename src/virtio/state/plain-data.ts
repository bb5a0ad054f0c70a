/** Plain data as bytes: JSON, with an object of one key that begins with `$` for what JSON does not have. */
import { SavedStateError } from './errors.js';

/** Far more than any device has. */
export const MAX_STATE_BYTES = 16 * 2 ** 20;
const MAX_DEPTH = 32;
const WHAT = 'a device';

/** @throws SavedStateError for what is no plain data, or too much of it */
export function encodeState(value: unknown): Uint8Array {
  const bytes = new TextEncoder().encode(JSON.stringify(tagged(value, 0)));
  if (bytes.length > MAX_STATE_BYTES) throw new SavedStateError(WHAT, `it has ${bytes.length} bytes`);
  return bytes;
}

/** The reverse, of bytes that may come from anybody. @throws SavedStateError */
export function decodeState(bytes: Uint8Array): unknown {
  if (bytes.length > MAX_STATE_BYTES) throw new SavedStateError(WHAT, `it has ${bytes.length} bytes`);
  try {
    return untagged(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)), 0);
  } catch (error) {
    throw error instanceof SavedStateError ? error : new SavedStateError(WHAT, (error as Error).message.slice(0, 80));
  }
}

function tagged(value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new SavedStateError(WHAT, 'it is nested too deeply');
  if (value === null || typeof value === 'boolean' || typeof value === 'string' || Number.isFinite(value)) return value;
  if (typeof value === 'bigint') return { $bigint: String(value) };
  if (value instanceof Uint8Array) return { $u8: base64(value) };
  if (value instanceof Uint32Array)
    return { $u32: base64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
  if (Array.isArray(value)) return value.map((one) => tagged(one ?? null, depth + 1));
  if (typeof value !== 'object') throw new SavedStateError(WHAT, `a ${typeof value} is no plain data`);
  return fromEntries(
    Object.entries(value).filter(([, one]) => one !== undefined),
    (one) => tagged(one, depth + 1),
  );
}

function fromEntries(entries: [string, unknown][], convert: (value: unknown) => unknown): Record<string, unknown> {
  const reserved = entries.find(([key]) => key.startsWith('$'));
  if (reserved !== undefined) throw new SavedStateError(WHAT, `it has a key "${reserved[0].slice(0, 20)}"`);
  return Object.fromEntries(entries.map(([key, value]) => [key, convert(value)]));
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

const TAGS: Readonly<Record<string, (text: string) => unknown>> = {
  $bigint: toBigint,
  $u8: (text) => Uint8Array.from(Buffer.from(text, 'base64')),
  $u32: toWords,
};

function untagged(value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new SavedStateError(WHAT, 'it is nested too deeply');
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => untagged(one, depth + 1));
  const entries = Object.entries(value as Record<string, unknown>);
  const [key, text] = entries[0] ?? ['', null];
  if (entries.length === 1 && Object.hasOwn(TAGS, key) && typeof text === 'string') return TAGS[key]!(text);
  return fromEntries(entries, (one) => untagged(one, depth + 1));
}

/** No number of a device has more digits: longer ones would take long to convert. */
function toBigint(text: string): bigint {
  if (!/^-?\d{1,40}$/.test(text)) throw new SavedStateError(WHAT, 'a number is none');
  return BigInt(text);
}

function toWords(text: string): Uint32Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length % 4 !== 0) throw new SavedStateError(WHAT, 'an array of words has a part of one');
  return new Uint32Array(Uint8Array.from(bytes).buffer);
}
