/**
 * Hostile peers on both sides, in a process of their own: a crash or a hang of it fails the test. IOREGION_FUZZ_MESSAGES
 * sets how many messages (default 200,000; `npm run soak` tries 10 million), IOREGION_SEED repeats a run.
 */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runNode } from '#dist/test/support/processes.js';

const messages = process.env.IOREGION_FUZZ_MESSAGES ?? '200000';
const script = fileURLToPath(new URL('../../../scripts/fuzz.mjs', import.meta.url));
const TIMEOUT_MS = 50_000;

test('servers and the dispatcher take whatever comes, do what the model does, and stay small', async () => {
  const { code, signal, stdout, stderr } = await runNode(script, ['--messages', messages], { timeoutMs: TIMEOUT_MS });
  expect({ code, signal, stderr }, stdout).toEqual({ code: 0, signal: null, stderr: '' });
  expect(stdout).toMatch(/no difference from the model\n$/);
});
