/** Kicks are signals, and so are the samples of a CPU profiler, which restart the call that they interrupt. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { NodeProcess } from '../../support/processes.js';
import { temporaryDirectory } from '../../support/temporary.js';

const SCRIPT = fileURLToPath(new URL('../../../dist/test/contract/kick-count.js', import.meta.url));

const PROFILER = ['--cpu-prof', '--cpu-prof-interval', '50', '--cpu-prof-dir', temporaryDirectory()];

it.each([
  ['without a profiler', []],
  ['under a profiler', PROFILER],
])('no kick is lost %s', async (_, nodeOptions) => {
  const { code, stdout, stderr } = await new NodeProcess(SCRIPT, [], { nodeOptions }).exited;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ given: 3000, lost: 0 });
});
