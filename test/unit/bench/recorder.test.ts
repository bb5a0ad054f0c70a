import { describe, expect, it } from 'vitest';
import type { Slot } from '#dist/bench/mmio/path-runner.js';
import { RowRecorder } from '#dist/bench/mmio/recorder.js';

function slot(samples: number[], rest: Partial<Slot> = {}): Slot {
  return { samples: Uint32Array.from(samples), elapsedNs: 1e9, accesses: samples.length, floorNs: 0, ...rest };
}

function recorderOf(...slots: Slot[]): RowRecorder {
  const recorder = new RowRecorder();
  for (const each of slots) recorder.add(each);
  return recorder;
}

describe('a row recorder', () => {
  it('takes the median over the slots, so that one disturbed slot does not move p50', () => {
    const recorder = recorderOf(slot([10, 11, 12]), slot([9000, 9001, 9002, 9003, 9004]), slot([12, 13, 14]));
    expect(recorder.p50).toBe(13);
  });

  it('gives p50 exactly, beyond the three digits of the histogram', () => {
    expect(recorderOf(slot([1_234_567, 1_234_568, 1_234_569])).p50).toBe(1_234_568);
  });

  it('gives the percentiles of all slots together', () => {
    const recorder = recorderOf(slot(Array(990).fill(100)), slot(Array(10).fill(1000)));
    expect(recorder.count).toBe(1000);
    expect(recorder.percentile(99)).toBe(100);
    expect(recorder.percentile(99.9)).toBe(1000);
  });

  it('records the least and the greatest 32-bit sample', () => {
    const recorder = recorderOf(slot([0, 2 ** 32 - 1]));
    expect(recorder.count).toBe(2);
    expect(recorder.percentile(100)).toBeGreaterThanOrEqual(2 ** 32 - 1);
  });

  it('counts accesses, not samples, for throughput', () => {
    const recorder = recorderOf(slot([1], { accesses: 5000, elapsedNs: 1e8 }));
    expect(recorder.throughput).toBe(50_000);
  });

  it('takes the median of the timer floors', () => {
    expect(recorderOf(slot([1], { floorNs: 700 }), slot([1], { floorNs: 800 })).floor).toBe(750);
  });
});
