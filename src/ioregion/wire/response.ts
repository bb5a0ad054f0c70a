/** Responses: what a region server answers to a command that asks for it, in the order of the commands. */
import type { AccessValue } from '../access-value.js';
import { MESSAGE_WORDS, ResponseWord } from './layout.js';

/**
 * Writes response `index` of `words` (see `messageWords`), every unused byte zero. `low` and `high` are the halves of
 * what was read; both are 0 in the response to a write.
 */
export function encodeResponse(words: Uint32Array, index: number, low: number, high: number): void {
  const base = index * MESSAGE_WORDS;
  for (let at = base + ResponseWord.padding; at < base + MESSAGE_WORDS; at++) words[at] = 0;
  words[base + ResponseWord.data] = low;
  words[base + ResponseWord.data + 1] = high;
}

/**
 * Reads response `index` of `words` into `value`: the first `size` bytes of the data field. The rest of the message is
 * not looked at, as in the kernel.
 */
export function decodeResponse(words: Uint32Array, index: number, size: number, value: AccessValue): void {
  const at = index * MESSAGE_WORDS + ResponseWord.data;
  value.setTruncated(size, words[at] ?? 0, words[at + 1] ?? 0);
}
