/** What the page's script draws: computed here, so that the page only draws. */

import type { PairRun } from '../mmio/run-pair.js';
import { logEdges, rangeOf, shareBelow, shareBetween, type TimeRange } from './distribution.js';
import type { Curves, PairCharts } from './page-data.js';

/** Percentiles at the right edge: the tail belongs to the second plot. */
const DENSITY_HIGHEST = 98;
const PERCENTILE_HIGHEST = 99.9;
const DENSITY_INTERVALS = 110;
const PERCENTILE_POINTS = 400;
/** p99.99: beyond it, a run of this length has too few samples. */
const MOST_NINES = 4;

export function pairCharts(pair: PairRun): PairCharts {
  const histograms = pair.rows.map((row) => row.recorder.histogram);
  return {
    id: pairId(pair),
    density: densityCurves(pair, rangeOf(histograms, DENSITY_HIGHEST)),
    percentile: percentileCurves(pair, rangeOf(histograms, PERCENTILE_HIGHEST)),
  };
}

export function pairId(pair: Pick<PairRun, 'path' | 'operation'>): string {
  return `${pair.path}-${pair.operation}`;
}

function densityCurves(pair: PairRun, range: TimeRange): Curves {
  const edges = logEdges(range, DENSITY_INTERVALS);
  return {
    x: edges.slice(1).map((edge, index) => microseconds(Math.sqrt(edge * edges[index]!))),
    series: pair.rows.map((row) => ({
      impl: row.implementation,
      y: shareBetween(row.recorder.histogram, edges).map((share) => significant(share * 100)),
    })),
  };
}

function percentileCurves(pair: PairRun, range: TimeRange): Curves {
  const edges = logEdges(range, PERCENTILE_POINTS);
  return {
    x: edges.map(microseconds),
    series: pair.rows.map((row) => ({
      impl: row.implementation,
      y: shareBelow(row.recorder.histogram, edges).map((share) => significant(nines(share))),
    })),
  };
}

function nines(share: number): number {
  return share >= 1 ? MOST_NINES : Math.min(MOST_NINES, -Math.log10(1 - share));
}

function microseconds(ns: number): number {
  return significant(ns / 1000);
}

/** Six digits are more than a screen can show; they keep the file small. */
function significant(value: number): number {
  return Number(value.toPrecision(6));
}
