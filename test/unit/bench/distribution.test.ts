import { Float64Histogram } from 'hdr-histogram-js';
import { describe, expect, it } from 'vitest';
import { logEdges, rangeOf, shareBelow, shareBetween } from '#dist/bench/report/distribution.js';

function histogramOf(...values: number[]): Float64Histogram {
  const histogram = new Float64Histogram(1, 2 ** 32, 3);
  for (const value of values) histogram.recordValue(value);
  return histogram;
}

describe('the curves of a distribution', () => {
  it('give the share of the samples at or below each edge', () => {
    expect(shareBelow(histogramOf(10, 20, 20, 40), [5, 10, 15, 20, 39, 40, 100])).toEqual([
      0, 0.25, 0.25, 0.75, 0.75, 1, 1,
    ]);
  });

  it('give the share of the samples between edges', () => {
    expect(shareBetween(histogramOf(10, 20, 20, 40), [5, 15, 30, 50])).toEqual([0.25, 0.5, 0.25]);
  });

  it('are the same at every call', () => {
    const histogram = histogramOf(10, 20);
    expect(shareBelow(histogram, [15])).toEqual(shareBelow(histogram, [15]));
  });

  it('have edges of equal width on the logarithmic axis', () => {
    const edges = logEdges({ from: 10, to: 1000 }, 2);
    expect(edges.map(Math.round)).toEqual([10, 100, 1000]);
  });

  it('span both histograms', () => {
    const { from, to } = rangeOf([histogramOf(100, 200), histogramOf(1000)], 99);
    expect(from).toBeLessThan(100);
    expect(to).toBeGreaterThan(1000);
  });

  it('leave out what is slower than the highest percentile', () => {
    expect(rangeOf([histogramOf(...Array(99).fill(100), 1e6)], 98).to).toBeLessThan(200);
  });

  it('have a range even where every sample is zero', () => {
    const { from, to } = rangeOf([histogramOf(0)], 99);
    expect(to).toBeGreaterThan(from);
    expect(from).toBeGreaterThan(0);
  });
});
