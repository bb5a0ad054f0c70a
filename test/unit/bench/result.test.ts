import { describe, expect, it } from 'vitest';
import { goalsOf } from '#dist/bench/mmio/goals.js';
import { RowRecorder } from '#dist/bench/mmio/recorder.js';
import { ioeventfdGain, type ResultRow, ratiosOf } from '#dist/bench/mmio/result.js';
import type { RowRun } from '#dist/bench/mmio/run-pair.js';
import { KVM_FACTS, syntheticResult } from './synthetic-result.js';

const { result } = await syntheticResult(1.05);

function row(rest: Partial<ResultRow>): ResultRow {
  const times = { p50_ns: 1000, p90_ns: 1000, p99_ns: 1000, p999_ns: 1000, mean_ns: 1000 };
  const what = { path: 'exit-inline', op: 'write', size: 4, dispatcher: 'none', impl: 'js' } as const;
  return { ...what, n: 10, ...times, throughput_per_s: 1000, ...rest };
}

/** A row with one sample in each slot. */
function rowRun(implementation: 'js' | 'c', samples: number[]): RowRun {
  const recorder = new RowRecorder();
  for (const ns of samples) recorder.add({ samples: Uint32Array.of(ns), elapsedNs: 1e9, accesses: 1, floorNs: 0 });
  return { implementation, recorder };
}

describe('the result document', () => {
  it('has the rows of every path and operation, js before c', () => {
    const names = result.rows.filter(({ impl }) => impl === 'js').map(({ path, op }) => `${path} ${op}`);
    expect(names).toEqual([
      'exit-inline read',
      'exit-inline write',
      'ioregionfd-thread read',
      'ioregionfd-thread write',
      'ioregionfd-process read',
      'ioregionfd-process write',
      'ioregionfd-posted write',
      'ioeventfd write',
      'loopback-thread read',
      'loopback-thread write',
      'loopback-posted write',
    ]);
    expect(result.rows.map(({ impl }) => impl)).toEqual(names.flatMap(() => ['js', 'c']));
  });

  it('has exactly the documented keys in each row, and only finite numbers', () => {
    const keys = ['path', 'op', 'size', 'dispatcher', 'impl', 'n'];
    const times = ['p50_ns', 'p90_ns', 'p99_ns', 'p999_ns', 'mean_ns', 'throughput_per_s'];
    for (const each of result.rows) {
      expect(Object.keys(each)).toEqual([...keys, ...times]);
      expect(
        Object.values(each)
          .filter((value) => typeof value === 'number')
          .every(Number.isFinite),
      ).toBe(true);
    }
  });

  it('has percentiles that do not decrease', () => {
    for (const { p50_ns, p90_ns, p99_ns, p999_ns } of result.rows) {
      expect([p50_ns, p90_ns, p99_ns, p999_ns]).toEqual([p50_ns, p90_ns, p99_ns, p999_ns].sort((a, b) => a - b));
    }
  });

  it('says where it was measured', () => {
    expect(result.host).toMatchObject({
      date: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      cpu_model: expect.any(String),
      cpu_count: expect.any(Number),
      kernel: expect.any(String),
      node_version: process.version,
      kvm: KVM_FACTS,
      placement: { mode: 'auto', waiting: { vcpu: 1, device: 1 }, posted: { vcpu: 1, device: 0 } },
      guest_timer_floor_ns: 700,
      seconds_per_pair: 0.75,
    });
  });

  it('survives JSON unchanged', () => {
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });
});

describe('the ratios', () => {
  it('are js over c at p50, one for each pair', () => {
    expect(result.ratios).toHaveLength(11);
    for (const ratio of result.ratios) expect(ratio.js_over_c_p50).toBeCloseTo(1.05, 1);
  });

  it('give throughput for posted writes and doorbells only', () => {
    const posted = result.ratios.filter((ratio) => ratio.js_over_c_throughput !== undefined).map(({ path }) => path);
    expect(posted).toEqual(['ioregionfd-posted', 'ioeventfd', 'loopback-posted']);
  });

  it('compare neighbouring slots, so that a change of pace in mid-run cancels out', () => {
    const rows = [rowRun('js', [11, 11, 33]), rowRun('c', [10, 30, 30])];
    expect(ratiosOf([{ path: 'ioregionfd-thread', operation: 'read', rows }])).toEqual([
      { path: 'ioregionfd-thread', op: 'read', js_over_c_p50: 1.1 },
    ]);
  });

  it('leave out a row that was measured in one implementation only', () => {
    for (const implementation of ['js', 'c'] as const) {
      const rows = [rowRun(implementation, [10])];
      expect(ratiosOf([{ path: 'ioregionfd-thread', operation: 'read', rows }])).toEqual([]);
    }
  });

  it('compare an ioeventfd with an inline exit write of the same implementation', () => {
    const rows = [row({ p50_ns: 9000 }), row({ path: 'ioeventfd', p50_ns: 2000 }), row({ impl: 'c' })];
    expect(ioeventfdGain(rows)).toEqual({ js: 4.5 });
  });
});

describe('the goals', () => {
  it('hold the promised limits of each path', () => {
    const limits = Object.fromEntries(goalsOf(result).map((goal) => [goal.name, `${goal.relation} ${goal.limit}`]));
    expect(limits).toMatchObject({
      'exit-inline read, js/c at p50': '≤ 1.15',
      'ioregionfd-thread write, js/c at p50': '≤ 1.1',
      'ioregionfd-process read, js/c at p50': '≤ 1.1',
      'loopback-thread read, js/c at p50': '≤ 1.1',
      'ioregionfd-posted write, js/c throughput': '≥ 0.8',
      'loopback-posted write, js/c throughput': '≥ 0.8',
      'exit-inline over ioeventfd (js) at p50': '≥ 3',
    });
  });

  it('are met where JavaScript is a twentieth slower', () => {
    expect(goalsOf(result).every((goal) => goal.met)).toBe(true);
  });

  it('are missed where JavaScript is a fifth slower', async () => {
    const slow = await syntheticResult(1.2);
    const missed = goalsOf(slow.result).filter((goal) => !goal.met);
    expect(missed.map((goal) => goal.name)).toContain('ioregionfd-thread read, js/c at p50');
  });
});
