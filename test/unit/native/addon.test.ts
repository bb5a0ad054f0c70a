import { realpathSync } from 'node:fs';
import { native } from 'ioregion/native';
import { expect, it } from 'vitest';
import { mappingCount } from '../../support/open-fds.js';

const asked = process.env.IOREGION_ADDON;

it.skipIf(asked === undefined)('the addon is the build that IOREGION_ADDON names', () => {
  expect(native.gettid()).toBeGreaterThan(0);
  expect(mappingCount(realpathSync(asked!))).toBeGreaterThan(0);
  expect(mappingCount('/build/Release/ioregion.node')).toBe(0);
});

it.skipIf(!asked?.includes('build-asan'))('the sanitizers are loaded in the process that runs the tests', () => {
  expect(mappingCount('/libasan.so')).toBeGreaterThan(0);
  expect(mappingCount('/libubsan.so')).toBeGreaterThan(0);
});
