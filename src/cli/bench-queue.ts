/** `ioregion bench queue`: measures, prints the table and the goals, and writes the result. */
import Table from 'cli-table3';
import { formatRatio } from '../../bench/mmio/format.js';
import { benchmarkQueue, type QueueResult } from '../../bench/queue/benchmark.js';
import { queueGoalsOf } from '../../bench/queue/goals.js';
import { prepareFile, writeText } from './bench-files.js';
import { goalLines } from './goal-lines.js';

export interface BenchQueueOptions {
  readonly json?: string;
  readonly rounds: number;
}

const HEAD = ['ring', 'descriptors', 'segments', 'js, ns/chain', 'c, ns/chain', 'js/c', 'heap, B/chain'];
const TEXT_COLUMNS = 2;

/** @throws IoregionError where the result cannot be written, or the C side cannot be built */
export async function benchQueue({ json, rounds }: BenchQueueOptions): Promise<void> {
  if (json !== undefined) await prepareFile(json);
  const result = await benchmarkQueue({ rounds });
  process.stdout.write(`${queueTable(result, process.stdout.isTTY)}\n`);
  for (const line of goalLines(queueGoalsOf(result.rows))) process.stdout.write(`${line}\n`);
  if (json !== undefined) await writeText(json, `${JSON.stringify(result, null, 2)}\n`);
}

/** Unstyled where `color` is false, for files and pipes. */
export function queueTable({ rows }: Pick<QueueResult, 'rows'>, color: boolean): string {
  const table = new Table({
    head: HEAD,
    colAligns: HEAD.map((_, index) => (index < TEXT_COLUMNS ? 'left' : 'right')),
    style: { head: color ? ['bold'] : [], border: color ? ['gray'] : [], compact: true },
  });
  for (const { format, place, segments, js_ns, c_ns, js_over_c, js_heap_bytes_per_chain } of rows) {
    const times = [js_ns, c_ns].map((ns) => ns.toFixed(1));
    table.push([format, place, segments, ...times, formatRatio(js_over_c), js_heap_bytes_per_chain.toFixed(4)]);
  }
  return table.toString();
}
