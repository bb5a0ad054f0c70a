import { describe, expect, it } from 'vitest';
import type { PairSpec } from '#dist/bench/mmio/row.js';
import { type BenchmarkOptions, countSlots, runBenchmark } from '#dist/bench/mmio/run.js';
import { type SyntheticOptions, SyntheticRunner } from './synthetic.js';

const PAIR: PairSpec = { path: 'exit-inline', operation: 'read' };

function benchmark(log: string[], rest: Partial<SyntheticOptions> = {}): BenchmarkOptions {
  return {
    pairs: [PAIR],
    implementations: ['js', 'c'],
    secondsPerPair: 1.5,
    runnerOf: (pair, implementation) =>
      new SyntheticRunner({ ...pair, implementation, median: 100, samplesPerSlot: 10, log, ...rest }),
  };
}

describe('a benchmark run', () => {
  it('opens both runners, takes their slots in turn, and closes them', async () => {
    const log: string[] = [];
    await runBenchmark(benchmark(log));
    const slots = ['js slot', 'c slot', 'js slot', 'c slot', 'js slot', 'c slot'];
    expect(log).toEqual(['js open', 'c open', ...slots, 'c close', 'js close']);
  });

  it('leaves the warm-up out of the figures', async () => {
    const [run] = await runBenchmark(benchmark([]));
    expect(run!.rows.map((row) => row.recorder.count)).toEqual([20, 20]);
  });

  it('closes every runner that it opened when a slot fails', async () => {
    const log: string[] = [];
    await expect(runBenchmark(benchmark(log, { failAt: 'slot' }))).rejects.toThrow('synthetic failure of slot');
    expect(log).toEqual(['js open', 'c open', 'js slot', 'c close', 'js close']);
  });

  it('closes also the runner that failed to open, and opens no other', async () => {
    const log: string[] = [];
    await expect(runBenchmark(benchmark(log, { failAt: 'open' }))).rejects.toThrow('synthetic failure of open');
    expect(log).toEqual(['js open', 'js close']);
  });

  it('ends between two slots when it is aborted, and closes', async () => {
    const log: string[] = [];
    const signal = AbortSignal.abort(new Error('interrupted'));
    await expect(runBenchmark({ ...benchmark(log), signal })).rejects.toThrow('interrupted');
    expect(log).toEqual(['js open', 'c open', 'c close', 'js close']);
  });

  it('tells progress about as many slots as it announced, and stops it', async () => {
    const calls = { total: 0, slots: 0, pairs: 0, stopped: 0 };
    const progress = {
      start: (total: number) => (calls.total = total),
      pair: () => (calls.pairs += 1),
      slot: () => (calls.slots += 1),
      stop: () => (calls.stopped += 1),
    };
    const options = { ...benchmark([]), pairs: [PAIR, PAIR] };
    await runBenchmark({ ...options, progress });
    expect(calls).toEqual({ total: countSlots(options), slots: 8, pairs: 2, stopped: 1 });
  });
});
