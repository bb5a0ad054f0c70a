/** `ioregion bench mmio`: measures, prints the tables, and writes the result and the report. */
import {
  benchmarkMmio,
  goalsOf,
  type KvmFacts,
  kvmFacts,
  type MmioBenchmark,
  type PathName,
  type PlacementMode,
  reportPage,
  runnablePaths,
} from '../../bench/index.js';
import { probeHost } from '../kvm/index.js';
import { BenchInterruptedError, NothingToMeasureError } from './bench-errors.js';
import { prepareFile, writeText } from './bench-files.js';
import { benchProgress } from './bench-progress.js';
import { goalLines } from './goal-lines.js';
import { latencyTable } from './latency-table.js';
import { probeTable } from './probe-table.js';

export interface BenchMmioOptions {
  readonly json?: string;
  readonly html: string;
  readonly seconds: number;
  readonly placement: PlacementMode;
  /** Default: every path. */
  readonly rows?: readonly PathName[];
}

/** @throws IoregionError where nothing can be measured, or the measurement fails */
export async function benchMmio(options: BenchMmioOptions): Promise<void> {
  const probed = probeHost();
  print(probeTable(probed));
  const kvm = kvmFacts(probed);
  const paths = choosePaths(options.rows, kvm);
  await prepareFiles(options);
  const benchmark = await untilInterrupted((signal) =>
    benchmarkMmio({
      paths,
      secondsPerPair: options.seconds,
      placement: options.placement,
      kvm,
      progress: benchProgress(process.stderr),
      signal,
    }),
  );
  print(latencyTable(benchmark.result, process.stdout.isTTY));
  for (const line of goalLines(goalsOf(benchmark.result))) print(line);
  await writeFiles(options, benchmark);
}

function choosePaths(asked: readonly PathName[] | undefined, kvm: KvmFacts): PathName[] {
  const runnable = runnablePaths(kvm.usable);
  const paths = runnable.filter((path) => asked?.includes(path) ?? true);
  if (paths.length === 0) throw new NothingToMeasureError(kvm.reason ?? 'unknown reason');
  if (!kvm.usable) print(`No usable /dev/kvm (${kvm.reason}): running the loopback rows only.`);
  return paths;
}

/** Runs `work` with a signal that Ctrl-C aborts. */
async function untilInterrupted<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  const interrupt = () => controller.abort(new BenchInterruptedError());
  process.once('SIGINT', interrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', interrupt);
  }
}

/** Found out before the measurement, not after it. */
async function prepareFiles({ json, html }: BenchMmioOptions): Promise<void> {
  if (json !== undefined) await prepareFile(json);
  await prepareFile(html);
}

async function writeFiles({ json, html }: BenchMmioOptions, { result, pairs }: MmioBenchmark): Promise<void> {
  if (json !== undefined) {
    await writeText(json, `${JSON.stringify(result, null, 2)}\n`);
    print(`Result: ${json}`);
  }
  await writeText(html, reportPage(result, pairs));
  print(`Plot: ${html}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
