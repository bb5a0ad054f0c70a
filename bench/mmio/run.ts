/** Runs the whole benchmark: every pair that the host can run, one after the other. */
import type { PathRunner } from './path-runner.js';
import type { Implementation, PairSpec } from './row.js';
import { type PairRun, runPair } from './run-pair.js';
import { turnsOf } from './schedule.js';

export interface BenchmarkOptions {
  readonly pairs: readonly PairSpec[];
  readonly implementations: readonly Implementation[];
  readonly secondsPerPair: number;
  /** Makes the runner that measures one row. */
  readonly runnerOf: (pair: PairSpec, implementation: Implementation) => PathRunner;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** Told how far the run is. */
export interface Progress {
  start(totalSlots: number): void;
  pair(pair: PairSpec): void;
  slot(): void;
  stop(): void;
}

/** Recorded slots of the whole run: what progress counts. */
export function countSlots(options: Pick<BenchmarkOptions, 'pairs' | 'implementations' | 'secondsPerPair'>): number {
  const turns = turnsOf(options.implementations, options.secondsPerPair);
  return options.pairs.length * turns.filter((turn) => turn.recorded).length;
}

export async function runBenchmark(options: BenchmarkOptions): Promise<PairRun[]> {
  const { progress } = options;
  progress?.start(countSlots(options));
  try {
    const runs: PairRun[] = [];
    for (const pair of options.pairs) {
      progress?.pair(pair);
      runs.push(await measurePair(pair, options));
    }
    return runs;
  } finally {
    progress?.stop();
  }
}

function measurePair(pair: PairSpec, options: BenchmarkOptions): Promise<PairRun> {
  const { implementations, secondsPerPair, runnerOf, progress, signal } = options;
  const runners = implementations.map((implementation) => runnerOf(pair, implementation));
  return runPair(pair, runners, {
    secondsPerPair,
    ...(signal && { signal }),
    ...(progress && { onSlot: () => progress.slot() }),
  });
}
