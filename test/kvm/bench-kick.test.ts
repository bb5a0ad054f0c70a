/** The kick benchmark measures what it says: it stops where a kick did not come the way of its row. */
import { expect, it } from 'vitest';
import { kvmFacts } from '#dist/bench/index.js';
import { benchmarkKick } from '#dist/bench/kick/benchmark.js';
import { KICK_PATHS } from '#dist/bench/kick/paths.js';
import { probeHost } from '#dist/src/kvm/index.js';
import { describeWhere, kvmDevice } from '../support/require.js';

describeWhere([kvmDevice], 'bench kick', () => {
  it('has a row for each path, and ratios', async () => {
    const { rows, over_assigned } = await benchmarkKick({ kvm: kvmFacts(probeHost()), rounds: 1 });
    expect(rows.map(({ path }) => path)).toEqual(KICK_PATHS);
    for (const row of rows) expect(row.p99_ns).toBeGreaterThanOrEqual(row.p50_ns);
    for (const row of rows) expect(row.p50_ns).toBeGreaterThan(0);
    expect(over_assigned).toEqual({ synchronous: expect.any(Number), register: expect.any(Number) });
  });
});
