/** The MMIO benchmark as a whole: builds what it needs, measures, and gives the result. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildGuest } from '../../guests/index.js';
import { getAffinity } from '../../src/native/index.js';
import { buildReference } from '../reference/build.js';
import { hostFacts } from './host.js';
import type { KvmFacts } from './kvm-facts.js';
import type { PathRunner } from './path-runner.js';
import { jsRunner } from './paths/index.js';
import { cpusOf, type PlacementMode, placeThreads } from './placement.js';
import { ReferenceRunner } from './reference-runner.js';
import { buildResult, type MmioResult } from './result.js';
import { type Implementation, PATH_FACTS, type PairSpec, type PathName, pairsOf } from './row.js';
import { type Progress, runBenchmark } from './run.js';
import type { PairRun } from './run-pair.js';
import { median } from './statistics.js';

export interface MmioBenchmarkOptions {
  /** Those with KVM need a usable /dev/kvm. */
  readonly paths: readonly PathName[];
  /** Measured time of each pair, both implementations together. */
  readonly secondsPerPair: number;
  readonly placement: PlacementMode;
  readonly kvm: KvmFacts;
  readonly progress?: Progress;
  /** Ends the run, with the signal's reason, after the slot under way. */
  readonly signal?: AbortSignal;
}

export interface MmioBenchmark {
  readonly result: MmioResult;
  /** The recorded samples behind it. */
  readonly pairs: readonly PairRun[];
}

/** @throws PlacementError, GuestBuildError, ReferenceProgramError, LostAccessError, and what KVM refuses */
export async function benchmarkMmio(options: MmioBenchmarkOptions): Promise<MmioBenchmark> {
  const placement = placeThreads(options.placement, getAffinity());
  const program = await buildReference();
  const guest = options.paths.some((path) => PATH_FACTS[path].kvm) ? await buildGuest('bench', 'protected') : null;
  const directory = await mkdtemp(join(tmpdir(), 'ioregion-bench-'));
  const runnerOf = (pair: PairSpec, implementation: Implementation): PathRunner => {
    const common = { ...pair, cpus: cpusOf(placement, pair.path), guest, directory };
    if (implementation === 'js') return jsRunner(common);
    return new ReferenceRunner({ ...common, program, ...(options.signal && { signal: options.signal }) });
  };
  try {
    const pairs = await runBenchmark({
      ...options,
      pairs: pairsOf(options.paths),
      implementations: ['js', 'c'],
      runnerOf,
    });
    const guestTimerFloorNs = guestFloor(pairs);
    return { result: buildResult(hostFacts({ ...options, placement, guestTimerFloorNs }), pairs), pairs };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function guestFloor(pairs: readonly PairRun[]): number | null {
  const timedByGuest = pairs.filter(({ path }) => PATH_FACTS[path].kvm);
  const floors = timedByGuest.flatMap(({ rows }) => rows.map(({ recorder }) => recorder.floor));
  return floors.length === 0 ? null : median(floors);
}
