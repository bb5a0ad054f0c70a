/** The public face of the benchmarks: what the command line runs and prints. */
export { benchmarkMmio, type MmioBenchmark, type MmioBenchmarkOptions } from './mmio/benchmark.js';
export { formatCount, formatGoal, formatMicroseconds, formatRatio } from './mmio/format.js';
export { type Goal, goalsOf } from './mmio/goals.js';
export type { HostFacts } from './mmio/host.js';
export { type KvmFacts, kvmFacts } from './mmio/kvm-facts.js';
export type { PlacementMode } from './mmio/placement.js';
export type { MmioResult, ResultRatio, ResultRow } from './mmio/result.js';
export { type PairSpec, type PathName, runnablePaths } from './mmio/row.js';
export type { Progress } from './mmio/run.js';
export { reportPage } from './report/page.js';
