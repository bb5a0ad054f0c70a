/** `ioregion bench blk`: measures, prints the table, and writes the result. */
import Table from 'cli-table3';
import { type BlkResult, benchmarkBlk } from '../../bench/blk/benchmark.js';
import { formatCount, formatRatio } from '../../bench/mmio/format.js';
import { prepareFile, writeText } from './bench-files.js';

export interface BenchBlkOptions {
  readonly json?: string;
  readonly rounds: number;
}

const HEAD = ['image', 'depth', 'engine', 'js/s', 'c/s', 'js/c', 'goal'];
const TEXT_COLUMNS = 1;

/** @throws IoregionError where the result cannot be written, or the C side cannot be built */
export async function benchBlk({ json, rounds }: BenchBlkOptions): Promise<void> {
  if (json !== undefined) await prepareFile(json);
  const result = await benchmarkBlk({ rounds });
  process.stdout.write(`${blkTable(result, process.stdout.isTTY)}\n`);
  if (json !== undefined) await writeText(json, `${JSON.stringify(result, null, 2)}\n`);
}

/** Reads per second of one core. Unstyled where `color` is false, for files and pipes. */
export function blkTable({ rows }: Pick<BlkResult, 'rows'>, color: boolean): string {
  const table = new Table({
    head: HEAD,
    colAligns: HEAD.map((_, index) => (index < TEXT_COLUMNS ? 'left' : 'right')),
    style: { head: color ? ['bold'] : [], border: color ? ['gray'] : [], compact: true },
  });
  for (const { name, depth, engine, js_per_second, c_per_second, js_over_c, goal_met } of rows) {
    const rates = [js_per_second, c_per_second].map(formatCount);
    table.push([name, depth, engine, ...rates, formatRatio(js_over_c), goal_met ? 'met' : 'missed']);
  }
  return table.toString();
}
