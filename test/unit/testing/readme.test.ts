/** The example in the README of the test kit does what it says. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { layer, runScript } from '../../support/script.js';

const readme = readFileSync(new URL('../../../src/testing/README.md', import.meta.url), 'utf8');

test('the example of the README runs', () => {
  const example = /```ts\n(.*?)```/s.exec(readme)![1]!.replace(/'ioregion\/(\w+)'/g, (_, name) => layer(name));
  const { status, stdout, stderr } = runScript(`${example}\nconsole.log(data.length, ring.descriptors.get(0).length);`);
  expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: '', stdout: '16 2\n' });
});
