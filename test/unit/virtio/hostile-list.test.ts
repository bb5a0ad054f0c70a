/** docs/hostile-input.md says the truth: each case is there, and each test it names exists and is about that case. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ATTACKS } from './queue/attacks.js';

const root = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const CASES = 54;
/** Devices that are not here, and protocols that have lists of their own. */
const ELSEWHERE = new Set([37, 38, 39, 40, 48, 49, 50, 51, 52, 53]);
const RING_ATTACKS = 'test/unit/virtio/queue/hostile.test.ts';

interface Row {
  readonly name: string;
  readonly cells: string[];
  readonly tests: { readonly path: string; readonly words: string | undefined }[];
}

const rows: Row[] = read('docs/hostile-input.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| case') && !line.startsWith('| ---'))
  .map((line) => {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    const found = cells[4]!.matchAll(/`(test\/[^`]+)`(?: “([^”]+)”)?/g);
    return { name: cells[0]!, cells, tests: [...found].map(([, path, words]) => ({ path: path!, words })) };
  });

/** A title that carries the number: "case 4", "cases 15, 32", "hostile 20". */
function names(path: string, number: string): boolean {
  if (path === RING_ATTACKS && ATTACKS.some((attack) => String(attack.number) === number)) return true;
  return new RegExp(`(cases?|hostile) ([0-9]+(, | and | to ))*${number}\\b`, 'i').test(read(path));
}

describe('the list of hostile input', () => {
  test('has every case, in order, and a test for each that can come here', () => {
    const numbers = rows.map(({ name }) => Number(name)).filter((number) => number > 0);
    expect(numbers).toEqual(Array.from({ length: CASES }, (_, i) => i + 1));
    const untested = rows.filter(({ tests }) => tests.length === 0).map(({ name }) => Number(name));
    expect(untested.filter((number) => !ELSEWHERE.has(number))).toEqual([]);
  });

  test.each(rows.flatMap(({ name, tests }) => tests.map(({ path, words }) => [name, path, words] as const)))(
    'case %s is in %s',
    (name, path, words) => {
      if (words === undefined) expect(names(path, name)).toBe(true);
      else expect(read(path)).toContain(words);
    },
  );

  test('says the codes that attacks on rings end with', () => {
    for (const { number, code } of ATTACKS) {
      const row = rows.find(({ name }) => name === String(number))!;
      expect(row.cells[3], `case ${number}`).toContain(code.replace('ERR_IOREGION_QUEUE_', ''));
    }
  });
});
