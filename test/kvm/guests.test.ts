/** The guests under the C self-test: no KVM layer of this package is involved, so that other tests can rely on them. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { buildSelftest } from '#dist/guests/build.js';
import { buildGuest, GUEST_MODES, type GuestMode, type GuestName, modelStress } from '#dist/guests/index.js';
import { PATIENCE } from '../support/patience.js';
import { describeWhere, kvmDevice } from '../support/require.js';

const run = promisify(execFile);
const TIMEOUT_MS = 70_000 * PATIENCE;

interface Tap {
  planned: number;
  passed: string[];
}

function parseTap(text: string): Tap {
  const planned = Number(/^1\.\.(\d+)$/m.exec(text)?.[1]);
  return { planned, passed: [...text.matchAll(/^ok \d+ - (.*)$/gm)].map((match) => match[1]!) };
}

describeWhere([kvmDevice], 'guests', () => {
  let selftest: string;
  beforeAll(async () => {
    selftest = await buildSelftest();
  });

  /** Rejects with the program's message where it fails. */
  async function runSelftest(test: string, name: GuestName, mode: GuestMode, modeArgument = [mode]): Promise<string> {
    const image = await buildGuest(name, mode);
    return (await run(selftest, [test, ...modeArgument, image], { timeout: TIMEOUT_MS })).stdout;
  }

  it.each(GUEST_MODES)('cause exactly the exits that a list of operations asks for, in %s mode', async (mode) => {
    const tap = parseTap(await runSelftest('oplist', 'oplist', mode));
    expect(tap.planned).toBeGreaterThanOrEqual(40);
    expect(tap.passed).toHaveLength(tap.planned);
  });

  it.each(GUEST_MODES)('run on two vCPUs that meet at barriers and locks, in %s mode', async (mode) => {
    const tap = parseTap(await runSelftest('pair', 'oplist', mode));
    expect(tap.passed).toEqual(['barrier, spinlock, loop and waiting']);
  });

  it('time accesses of every kind and width, one sample each', async () => {
    const tap = parseTap(await runSelftest('bench', 'bench', 'protected', []));
    expect(tap.planned).toBe(16);
    expect(tap.passed).toHaveLength(tap.planned);
  });

  it.each(GUEST_MODES)('make the pseudo-random accesses that the model foretells, in %s mode', async (mode) => {
    const report = JSON.parse(await runSelftest('stress', 'stress', mode)) as {
      seed: number;
      count: number;
      vcpus: unknown[];
    };
    const { seed, count } = report;
    const common = { count, vcpus: 2, bases: [0, 0x1000], registers: 8, barrier: 0 };
    expect(report.vcpus).toEqual([0, 1].map((vcpu) => modelStress({ ...common, seed: seed + vcpu, vcpu })));
  });
});
