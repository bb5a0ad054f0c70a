/** The few statistics that the benchmark takes itself; percentiles beyond the median come from the histogram. */

/** Median of `values`; of an even number of them, the mean of the middle two. NaN for none. */
export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** `value` rounded to `digits` decimals, for figures that are printed or stored. */
export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
