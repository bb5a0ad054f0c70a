/** docs/vhost-user.md says the truth: a row for each feature and message, what the code does with it, and tests that exist. */
import { readFileSync } from 'node:fs';
import { BackendRequest, FrontendRequest, ProtocolFeature } from 'ioregion/vhost-user';
import { DeviceType } from 'ioregion/virtio';
import { describe, expect, test } from 'vitest';
import { offeredProtocolFeatures } from '#dist/src/vhost-user/backend/offer.js';
import { REQUESTS } from '#dist/src/vhost-user/backend/requests/index.js';

const root = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const HERE = 'test/unit/vhost-user/';
const text = read('docs/vhost-user.md');

interface Row {
  readonly id: number;
  readonly name: string;
  readonly what: string;
  readonly tests: { readonly path: string; readonly words: string }[];
}

/** One for each id, of the table under a heading. */
function rowsOf(heading: string): Row[] {
  const section = text.split(`## ${heading}\n`)[1]!.split('\n## ')[0]!;
  return section.split('\n').flatMap((line) => {
    const [ids, names, what, tested] = line
      .split('|')
      .slice(1)
      .map((cell) => cell.trim());
    if (!/^\d/.test(ids ?? '')) return [];
    const found = [...tested!.matchAll(/`([^`]+\.test\.ts)` “([^”]+)”/g)];
    const tests = found.map(([, path, words]) => ({ path: path!.includes('/') ? path! : HERE + path!, words: words! }));
    return ids!.split(', ').map((id, i) => ({ id: Number(id), name: names!.split(', ')[i]!, what: what!, tests }));
  });
}

const TABLES = {
  features: rowsOf('Protocol features'),
  requests: rowsOf('Messages of the frontend'),
  answers: rowsOf('Messages of the backend'),
};

/** As the code writes it: camel case. */
const plain = (name: string) => name.replaceAll('_', '').toLowerCase();
const numbersOf = (table: Readonly<Record<string, number>>) =>
  Object.entries(table)
    .map(([name, number]) => [number, plain(name)] as const)
    .sort(([a], [b]) => a - b);
const rowsAsNumbers = (rows: readonly Row[]) => rows.map(({ id, name }) => [id, plain(name)] as const);

describe('the list of what the backend supports', () => {
  test('has each protocol feature, offered or refused as the code does', () => {
    const bits = Object.values(ProtocolFeature).map((feature) => feature.toString(2).length - 1);
    expect(TABLES.features.map(({ id }) => id)).toEqual(bits.sort((a, b) => a - b));
    const offered = offeredProtocolFeatures({ deviceType: DeviceType.network, features: 0n, queueSizes: [] });
    for (const { id, name, what } of TABLES.features)
      expect(/^(supported|offered)/.test(what), `${name}: ${what}`).toBe(((offered >> BigInt(id)) & 1n) === 1n);
  });

  test('has each message of the frontend, carried out or refused as the code does', () => {
    expect(rowsAsNumbers(TABLES.requests)).toEqual(numbersOf(FrontendRequest));
    for (const { id, name, what } of TABLES.requests)
      expect(!what.startsWith('refused'), `${name}: ${what}`).toBe(REQUESTS.has(id));
  });

  test('has each message of the backend', () => {
    expect(rowsAsNumbers(TABLES.answers)).toEqual(numbersOf(BackendRequest));
  });

  test('names a test in each row, but for what is not sent', () => {
    const untested = Object.values(TABLES).flatMap((rows) => rows.filter(({ tests }) => tests.length === 0));
    expect(untested.filter(({ what }) => what !== 'not sent')).toEqual([]);
  });

  test.each(
    Object.values(TABLES).flatMap((rows) =>
      rows.flatMap(({ name, tests }) => tests.map((one) => [name, one] as const)),
    ),
  )('%s is tested: $path “$words”', (_name, { path, words }) => {
    expect(read(path).includes(words)).toBe(true);
  });
});
