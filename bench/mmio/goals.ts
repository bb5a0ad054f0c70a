/** What the JavaScript side promises against C on the same host, and whether a result keeps it. */
import type { MmioResult, ResultRatio } from './result.js';
import type { PathName } from './row.js';

/** Highest js over c at p50. */
const LATENCY_GOALS: Partial<Record<PathName, number>> = {
  'exit-inline': 1.15,
  'ioregionfd-thread': 1.1,
  'ioregionfd-process': 1.1,
  'loopback-thread': 1.1,
};
/** Lowest js over c throughput. */
const THROUGHPUT_GOALS: Partial<Record<PathName, number>> = {
  'ioregionfd-posted': 0.8,
  'loopback-posted': 0.8,
};
/** An ioeventfd must be this many times cheaper than an inline exit. */
const IOEVENTFD_GOAL = 3;

export interface Goal {
  /** What is measured, e.g. `ioregionfd-thread read, js/c at p50`. */
  readonly name: string;
  readonly value: number;
  readonly relation: '≤' | '≥';
  readonly limit: number;
  readonly met: boolean;
}

export function goalsOf(result: Pick<MmioResult, 'ratios' | 'exit_inline_over_ioeventfd_p50'>): Goal[] {
  return [...result.ratios.flatMap(ratioGoals), ...ioeventfdGoals(result.exit_inline_over_ioeventfd_p50)];
}

function ratioGoals(ratio: ResultRatio): Goal[] {
  const highest = LATENCY_GOALS[ratio.path];
  const lowest = THROUGHPUT_GOALS[ratio.path];
  const goals: Goal[] = [];
  if (highest !== undefined) {
    goals.push(atMost(`${ratio.path} ${ratio.op}, js/c at p50`, ratio.js_over_c_p50, highest));
  }
  if (lowest !== undefined && ratio.js_over_c_throughput !== undefined) {
    goals.push(atLeast(`${ratio.path} ${ratio.op}, js/c throughput`, ratio.js_over_c_throughput, lowest));
  }
  return goals;
}

function ioeventfdGoals(gain: MmioResult['exit_inline_over_ioeventfd_p50']): Goal[] {
  return Object.entries(gain).map(([impl, value]) =>
    atLeast(`exit-inline over ioeventfd (${impl}) at p50`, value, IOEVENTFD_GOAL),
  );
}

function atMost(name: string, value: number, limit: number): Goal {
  return { name, value, relation: '≤', limit, met: value <= limit };
}

function atLeast(name: string, value: number, limit: number): Goal {
  return { name, value, relation: '≥', limit, met: value >= limit };
}
