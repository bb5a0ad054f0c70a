/** The order in which chains were taken: 64-bit counters of which numbers hold enough. */

/** `at`: in bytes, of a counter in `words`. */
export function writeCounter(words: Uint32Array, at: number, counter: number): void {
  words[at / 4] = counter;
  words[at / 4 + 1] = Math.floor(counter / 2 ** 32);
}

/** Entries in the order of their counters. */
export function byCounter(
  entries: readonly number[],
  words: Uint32Array,
  counterAt: (entry: number) => number,
): number[] {
  const counterOf = (entry: number) => words[counterAt(entry) / 4 + 1]! * 2 ** 32 + words[counterAt(entry) / 4]!;
  return entries
    .map((entry) => ({ entry, counter: counterOf(entry) }))
    .sort((a, b) => a.counter - b.counter)
    .map(({ entry }) => entry);
}
