/** What the report hands to the script of its page. No imports: the page is checked without Node's types. */

/** One curve for each implementation over common x values. */
export interface Curves {
  /** µs, ascending. */
  x: number[];
  series: { impl: 'js' | 'c'; y: number[] }[];
}

/** The two plots of one path and operation. */
export interface PairCharts {
  /** Of the elements that take the plots: `density-ID` and `percentile-ID`. */
  id: string;
  /** Percent of the samples in each of the equal, logarithmic intervals. */
  density: Curves;
  /** Nines: 0 is all samples, 1 is the slowest tenth, 2 the slowest hundredth, … */
  percentile: Curves;
}
