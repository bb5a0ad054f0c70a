import { probeHost } from 'ioregion/kvm';
import { getAffinity } from 'ioregion/native';
import { expect, it } from 'vitest';
import { benchmarkMmio } from '#dist/bench/mmio/benchmark.js';
import { kvmFacts } from '#dist/bench/mmio/kvm-facts.js';
import { jsRunner } from '#dist/bench/mmio/paths/index.js';
import { PATHS, pairsOf } from '#dist/bench/mmio/row.js';
import { buildGuest } from '#dist/guests/index.js';
import { expectOpenFds, openFds, threadCount } from '../support/open-fds.js';
import { describeWhere, kvmDevice } from '../support/require.js';
import { temporaryDirectory } from '../support/temporary.js';

const KVM_PATHS = ['exit-inline', 'ioregionfd-thread', 'ioregionfd-process', 'ioregionfd-posted', 'ioeventfd'] as const;
const cpu = getAffinity()[0]!;
const directory = temporaryDirectory();

describeWhere([kvmDevice], 'the KVM rows in JavaScript', () => {
  it.each(pairsOf(KVM_PATHS))('$path $operation: the device confirms every access of the guest', async (pair) => {
    const guest = await buildGuest('bench', 'protected');
    const runner = jsRunner({ ...pair, cpus: { vcpu: cpu, device: cpu }, guest, directory });
    try {
      await runner.open();
      const { samples, floorNs } = await runner.slot(20);
      expect(samples.length).toBeGreaterThan(0);
      expect(Math.min(...samples)).toBeGreaterThan(floorNs / 2);
      await runner.slot(20);
    } finally {
      await runner.close();
    }
  });

  it.each(pairsOf(KVM_PATHS))('$path $operation: leaves no thread and no file open', async (pair) => {
    const guest = await buildGuest('bench', 'protected');
    const files = openFds();
    const threads = threadCount();
    const runner = jsRunner({ ...pair, cpus: { vcpu: cpu, device: cpu }, guest, directory });
    await runner.open();
    await runner.slot(1);
    await runner.close();
    await expectOpenFds(files);
    expect(threadCount()).toBe(threads);
  });
});

describeWhere([kvmDevice], 'the whole benchmark', () => {
  it('measures every row in JavaScript and in C', async () => {
    const options = { paths: PATHS, secondsPerPair: 0.05, placement: 'auto', kvm: kvmFacts(probeHost()) } as const;
    const { result } = await benchmarkMmio(options);
    expect(result.rows.map(({ path, op, impl }) => [path, op, impl])).toEqual(
      pairsOf(PATHS).flatMap(({ path, operation }) => ['js', 'c'].map((impl) => [path, operation, impl])),
    );
    expect(result.rows.every(({ n, p50_ns }) => n > 0 && p50_ns > 0)).toBe(true);
    expect(result.host.guest_timer_floor_ns).toBeGreaterThan(0);
  });
});
