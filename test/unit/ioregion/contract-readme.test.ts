/** The contract is written down in one place, and each clause leads to its tests. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const readme = new URL('../../../src/ioregion/README.md', import.meta.url);
const clauses = new URL('../../contract/clauses/', import.meta.url);
const links = [...readFileSync(readme, 'utf8').matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1]!);

it('every link of the README leads somewhere', () => {
  const broken = links.filter((link) => !existsSync(fileURLToPath(new URL(link, readme))));
  expect(broken).toEqual([]);
});

it('every clause of the suite is in the README', () => {
  const linked = links.map((link) => new URL(link, readme).href);
  const missing = readdirSync(clauses).filter((name) => !linked.includes(new URL(name, clauses).href));
  expect(missing).toEqual([]);
});
