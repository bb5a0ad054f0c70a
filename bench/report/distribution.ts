/** Recorded samples as curves over a logarithmic time axis. */
import type { Float64Histogram } from 'hdr-histogram-js';

/** A range of times in ns. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** The fastest thousandth is cut off. */
const LOWEST_PERCENTILE = 0.1;
/** Empty space beside the curves, as a factor. */
const MARGIN = 1.15;

/** The range that shows all of `histograms` up to their `highestPercentile`. */
export function rangeOf(histograms: readonly Float64Histogram[], highestPercentile: number): TimeRange {
  const lowest = histograms.map((histogram) => histogram.getValueAtPercentile(LOWEST_PERCENTILE));
  const highest = histograms.map((histogram) => histogram.getValueAtPercentile(highestPercentile));
  return { from: Math.max(1, Math.min(...lowest) / MARGIN), to: Math.max(2, ...highest) * MARGIN };
}

/** `count` + 1 edges of `count` intervals of equal width on the logarithmic axis. */
export function logEdges(range: TimeRange, count: number): number[] {
  const step = Math.log(range.to / range.from) / count;
  return Array.from({ length: count + 1 }, (_, index) => range.from * Math.exp(step * index));
}

/** Share of the samples (0 to 1) that are at or below each of the ascending `edges`. */
export function shareBelow(histogram: Float64Histogram, edges: readonly number[]): number[] {
  const shares: number[] = [];
  let below = 0;
  for (const { value, count } of recordedValues(histogram)) {
    while (shares.length < edges.length && edges[shares.length]! < value) shares.push(below);
    below += count / histogram.totalCount;
  }
  while (shares.length < edges.length) shares.push(Math.min(1, below));
  return shares;
}

/** Share of the samples in each interval between two edges. */
export function shareBetween(histogram: Float64Histogram, edges: readonly number[]): number[] {
  const below = shareBelow(histogram, edges);
  return below.slice(1).map((share, index) => share - below[index]!);
}

function* recordedValues(histogram: Float64Histogram): Generator<{ value: number; count: number }> {
  const iterator = histogram.recordedValuesIterator;
  iterator.resetIterator(histogram);
  while (iterator.hasNext()) {
    const step = iterator.next();
    yield { value: step.valueIteratedTo, count: step.countAddedInThisIterationStep };
  }
}
