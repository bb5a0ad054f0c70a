/**
 * Buckets of a latency histogram, ns: four to each power of two, so that a bound is at most a quarter above what it
 * bounds. Counting is a few instructions and no allocation.
 */

/** Enough for 2^31 ns; what takes longer is counted in the last. */
export const LATENCY_BUCKETS = 120;
const LONGEST = 2 ** 31 - 1;

export function bucketOf(ns: number): number {
  const whole = ns < LONGEST ? ns | 0 : LONGEST;
  if (whole < 4) return Math.max(whole, 0);
  const exponent = 31 - Math.clz32(whole);
  return ((exponent - 1) << 2) + ((whole >>> (exponent - 2)) & 3);
}

/** The first number of ns that is above the bucket. */
export function boundOf(bucket: number): number {
  const next = bucket + 1;
  return next < 4 ? next : (4 + (next & 3)) * 2 ** ((next >> 2) - 1);
}

export interface LatencyFigures {
  readonly count: number;
  readonly meanNs: number;
  /** The bounds of the buckets that hold the 50th and the 99th percentile, and the slowest. */
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly maxNs: number;
  /** Bound and count of each bucket that is not empty. */
  readonly buckets: readonly (readonly [number, number])[];
}

/** `counts` by bucket. Null where nothing has been counted. */
export function latencyFigures(counts: ArrayLike<number>, totalNs: number): LatencyFigures | null {
  const buckets = Array.from(counts, (count, bucket) => [boundOf(bucket), count] as const).filter(([, n]) => n > 0);
  const count = buckets.reduce((sum, [, n]) => sum + n, 0);
  if (count === 0) return null;
  return {
    count,
    meanNs: Math.round(totalNs / count),
    p50Ns: percentile(buckets, count * 0.5),
    p99Ns: percentile(buckets, count * 0.99),
    maxNs: buckets.at(-1)![0],
    buckets,
  };
}

function percentile(buckets: readonly (readonly [number, number])[], rank: number): number {
  let below = 0;
  for (const [bound, count] of buckets) {
    below += count;
    if (below >= rank) return bound;
  }
  return 0;
}
