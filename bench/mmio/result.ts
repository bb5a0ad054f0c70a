/** The result document of `ioregion bench mmio --json`, and how it is made from the recorded rows. */

import type { HostFacts } from './host.js';
import type { RowRecorder } from './recorder.js';
import {
  ACCESS_SIZE,
  type Implementation,
  type Operation,
  PATH_FACTS,
  type PathName,
  type RowDispatcher,
} from './row.js';
import type { PairRun, RowRun } from './run-pair.js';
import { median, round } from './statistics.js';

/** One measured row; times in ns. */
export interface ResultRow {
  path: PathName;
  op: Operation;
  /** Bytes. */
  size: number;
  dispatcher: RowDispatcher;
  impl: Implementation;
  /** Samples behind the percentiles. */
  n: number;
  /** Median over the slots of the slots' exact medians. */
  p50_ns: number;
  p90_ns: number;
  p99_ns: number;
  p999_ns: number;
  mean_ns: number;
  /** Accesses completed per second, median over the slots. */
  throughput_per_s: number;
}

export interface ResultRatio {
  path: PathName;
  op: Operation;
  /** Median over the rounds of the quotient of neighbouring slots' medians. */
  js_over_c_p50: number;
  /** The same of accesses per second; only for posted writes and doorbells. */
  js_over_c_throughput?: number;
}

export interface MmioResult {
  host: HostFacts;
  rows: ResultRow[];
  ratios: ResultRatio[];
  /** p50 of an inline exit write over p50 of an ioeventfd write, by implementation: how many times cheaper the latter is. */
  exit_inline_over_ioeventfd_p50: Partial<Record<Implementation, number>>;
}

export function buildResult(host: HostFacts, pairs: readonly PairRun[]): MmioResult {
  const rows = pairs.flatMap((pair) => pair.rows.map((row) => resultRow(pair, row)));
  return { host, rows, ratios: ratiosOf(pairs), exit_inline_over_ioeventfd_p50: ioeventfdGain(rows) };
}

function resultRow(pair: PairRun, row: RowRun): ResultRow {
  const { recorder } = row;
  return {
    path: pair.path,
    op: pair.operation,
    size: ACCESS_SIZE,
    dispatcher: PATH_FACTS[pair.path].dispatcher,
    impl: row.implementation,
    n: recorder.count,
    p50_ns: round(recorder.p50, 1),
    p90_ns: recorder.percentile(90),
    p99_ns: recorder.percentile(99),
    p999_ns: recorder.percentile(99.9),
    mean_ns: round(recorder.histogram.mean, 1),
    throughput_per_s: Math.round(recorder.throughput),
  };
}

/** js over c of every pair that has both. */
export function ratiosOf(pairs: readonly PairRun[]): ResultRatio[] {
  return pairs.flatMap((pair) => {
    const js = recorderOf(pair, 'js');
    const c = recorderOf(pair, 'c');
    return js === undefined || c === undefined ? [] : [ratioOf(pair, js, c)];
  });
}

function ratioOf({ path, operation }: PairRun, js: RowRecorder, c: RowRecorder): ResultRatio {
  const ratio: ResultRatio = { path, op: operation, js_over_c_p50: medianQuotient(js.slotMedians, c.slotMedians) };
  if (PATH_FACTS[path].posted) ratio.js_over_c_throughput = medianQuotient(js.slotRates, c.slotRates);
  return ratio;
}

/** Of neighbouring slots: a machine that changes its pace in mid-run changes it for both. */
function medianQuotient(js: readonly number[], c: readonly number[]): number {
  return round(median(js.map((value, index) => value / c[index]!)), 3);
}

function recorderOf(pair: PairRun, implementation: Implementation): RowRecorder | undefined {
  return pair.rows.find((row) => row.implementation === implementation)?.recorder;
}

export function ioeventfdGain(rows: readonly ResultRow[]): Partial<Record<Implementation, number>> {
  const gain: Partial<Record<Implementation, number>> = {};
  for (const impl of ['js', 'c'] as const) {
    const exit = findRow(rows, 'exit-inline', 'write', impl);
    const doorbell = findRow(rows, 'ioeventfd', 'write', impl);
    if (exit !== undefined && doorbell !== undefined) gain[impl] = round(exit.p50_ns / doorbell.p50_ns, 2);
  }
  return gain;
}

export function findRow(
  rows: readonly ResultRow[],
  path: PathName,
  op: Operation,
  impl: Implementation,
): ResultRow | undefined {
  return rows.find((row) => row.path === path && row.op === op && row.impl === impl);
}
