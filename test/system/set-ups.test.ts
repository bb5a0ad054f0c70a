/**
 * Set-ups leave neither descriptors nor threads, and do not wait for a garbage collection for that.
 * IOREGION_STRESS_SETUPS is how often each is made (those with threads a tenth as often, and less on a slow machine,
 * where the start of a thread takes seconds).
 */
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { SET_UPS, type SetUp } from '../stress/set-ups.js';
import type { StarvedResult } from '../stress/starved-set-ups.js';
import { PATIENCE } from '../support/patience.js';
import { processUsage, settledUsage } from '../support/process-usage.js';
import { runNode } from '../support/processes.js';
import { kvmDevice } from '../support/requirements.js';
import { testWhere } from './where.js';

const SETUPS = Number(process.env.IOREGION_STRESS_SETUPS ?? 40);
const TIMEOUT_MS = 5_400_000;
const STARVED = fileURLToPath(new URL('../stress/starved-set-ups.js', import.meta.url));

t.setTimeout(TIMEOUT_MS);

async function repeat(test: Test, { name, threads, run }: SetUp): Promise<void> {
  const rounds = threads ? Math.ceil(SETUPS / (10 * PATIENCE)) : SETUPS;
  await test.test(`${rounds} times: ${name}`, async (subtest) => {
    await run(); /* what the process keeps for good is there now */
    await setImmediate(); /* handles of the event loop close at the end of a turn */
    await setImmediate();
    const before = processUsage();
    for (let round = 0; round < rounds; round++) await run();
    subtest.same(await settledUsage(before), before);
  });
}

/** In a process of its own, whose limit of descriptors is low. */
async function starve(test: Test, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await runNode(STARVED, args, { fdLimit: 100 });
  test.same([code, stderr], [0, '']);
  for (const line of stdout.trim().split('\n')) {
    const { name, failures, uncoded, left } = JSON.parse(line) as StarvedResult;
    test.ok(failures > 0 && failures < 50, `${name}: fails for want of 1 to ${failures} descriptors`);
    test.same(uncoded, [], `${name}: says so with a code`);
    test.equal(left, 0, `${name}: leaves nothing`);
  }
}

testWhere([], 'without KVM', async (test) => {
  for (const setUp of SET_UPS) if (!setUp.kvm) await repeat(test, setUp);
  await test.test('without descriptors', (subtest) => starve(subtest, []));
});
testWhere([kvmDevice], 'with KVM', async (test) => {
  for (const setUp of SET_UPS) if (setUp.kvm) await repeat(test, setUp);
  await test.test('without descriptors', (subtest) => starve(subtest, ['kvm']));
});
