/** The result document of `ioregion bench mmio --json`, and how it is made from the recorded rows. */

import type { HostFacts } from './host.js';
import {
  ACCESS_SIZE,
  type Implementation,
  type Operation,
  PATH_FACTS,
  type PathName,
  type RowDispatcher,
} from './row.js';
import type { PairRun, RowRun } from './run-pair.js';
import { round } from './statistics.js';

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
  js_over_c_p50: number;
  /** Only for posted writes. */
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
  return { host, rows, ratios: ratiosOf(rows), exit_inline_over_ioeventfd_p50: ioeventfdGain(rows) };
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

/** js over c of every pair that has both, from the medians of their interleaved slots. */
export function ratiosOf(rows: readonly ResultRow[]): ResultRatio[] {
  return rows
    .filter((row) => row.impl === 'js')
    .flatMap((js) => {
      const c = findRow(rows, js.path, js.op, 'c');
      return c === undefined ? [] : [ratioOf(js, c)];
    });
}

function ratioOf(js: ResultRow, c: ResultRow): ResultRatio {
  const ratio: ResultRatio = { path: js.path, op: js.op, js_over_c_p50: round(js.p50_ns / c.p50_ns, 3) };
  if (PATH_FACTS[js.path].posted) ratio.js_over_c_throughput = round(js.throughput_per_s / c.throughput_per_s, 3);
  return ratio;
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
