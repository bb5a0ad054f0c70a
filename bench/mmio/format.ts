/** Figures as people read them, for the terminal and the page. */

/** A time in ns as µs with three significant digits or more: `0.412`, `12.3`, `1,204`. */
export function formatMicroseconds(ns: number): string {
  const us = ns / 1000;
  const decimals = us < 1 ? 3 : us < 10 ? 2 : us < 100 ? 1 : 0;
  return us.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** A count with thousands separators. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** A ratio with two decimals, or a dash where there is none. */
export function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? '–' : ratio.toFixed(2);
}

/** A figure beside its limit: with the digit that decides. */
export function formatGoal(value: number): string {
  return value.toFixed(3);
}
