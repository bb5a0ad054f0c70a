/** A whole result from made-up samples. */
import { hostFacts } from '#dist/bench/mmio/host.js';
import type { KvmFacts } from '#dist/bench/mmio/kvm-facts.js';
import { placeThreads } from '#dist/bench/mmio/placement.js';
import { buildResult, type MmioResult } from '#dist/bench/mmio/result.js';
import { PATHS, type PathName, pairsOf } from '#dist/bench/mmio/row.js';
import { runBenchmark } from '#dist/bench/mmio/run.js';
import type { PairRun } from '#dist/bench/mmio/run-pair.js';
import { SyntheticRunner } from './synthetic.js';

export const KVM_FACTS: KvmFacts = {
  usable: true,
  reason: null,
  api_version: 12,
  pvm: false,
  guest_emulated: true,
  dispatcher: 'native',
};

const MEDIANS: Record<PathName, number> = {
  'exit-inline': 7500,
  'ioregionfd-thread': 19_000,
  'ioregionfd-process': 21_000,
  'ioregionfd-posted': 6500,
  ioeventfd: 2000,
  'loopback-thread': 12_000,
  'loopback-posted': 1100,
};

/** JavaScript is `slowdown` times slower than C in every row. */
export async function syntheticResult(slowdown: number): Promise<{ result: MmioResult; pairs: PairRun[] }> {
  const pairs = await runBenchmark({
    pairs: pairsOf(PATHS),
    implementations: ['js', 'c'],
    secondsPerPair: 0.75,
    runnerOf: (pair, implementation) => {
      const median = MEDIANS[pair.path] * (implementation === 'js' ? slowdown : 1);
      return new SyntheticRunner({ ...pair, implementation, median });
    },
  });
  const host = hostFacts({
    kvm: KVM_FACTS,
    placement: placeThreads('auto', [0, 1]),
    guestTimerFloorNs: 700,
    secondsPerPair: 0.75,
  });
  return { result: buildResult(host, pairs), pairs };
}
