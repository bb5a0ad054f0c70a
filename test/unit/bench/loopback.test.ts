import { getAffinity } from 'ioregion/native';
import { describe, expect, it } from 'vitest';
import { jsRunner } from '#dist/bench/mmio/paths/index.js';
import { type PairSpec, pairsOf } from '#dist/bench/mmio/row.js';
import { expectOpenFds, openFds, threadCount } from '../../support/open-fds.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory();
const cpu = getAffinity()[0]!;
const runnerOf = (pair: PairSpec) => jsRunner({ ...pair, cpus: { vcpu: cpu, device: cpu }, guest: null, directory });

describe.each(pairsOf(['loopback-thread', 'loopback-posted']))('$path $operation in JavaScript', (pair) => {
  it('measures real accesses, whose number and sum the device confirms', async () => {
    const runner = runnerOf(pair);
    try {
      await runner.open();
      const slots = [await runner.slot(20), await runner.slot(20)];
      for (const { samples, accesses, elapsedNs, floorNs } of slots) {
        expect(samples).toHaveLength(accesses);
        expect(samples.every((sample) => sample > 0)).toBe(true);
        expect(elapsedNs).toBeGreaterThanOrEqual(20e6);
        expect(floorNs).toBeGreaterThan(0);
      }
    } finally {
      await runner.close();
    }
  });

  it('leaves no thread and no file open', async () => {
    const files = openFds();
    const threads = threadCount();
    const runner = runnerOf(pair);
    await runner.open();
    await runner.slot(1);
    await runner.close();
    await expectOpenFds(files);
    expect(threadCount()).toBe(threads);
  });
});

describe('a KVM path without a guest', () => {
  it('fails with a code that says so, and can be closed', async () => {
    const runner = runnerOf({ path: 'exit-inline', operation: 'read' });
    await expect(runner.open()).rejects.toMatchObject({ code: 'ERR_IOREGION_BENCH_NO_GUEST' });
    await runner.close();
  });
});
