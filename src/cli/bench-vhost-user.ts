/** `ioregion bench vhost-user`: measures, prints the table and the goals, and writes the result. */
import Table from 'cli-table3';
import { formatCount, formatRatio } from '../../bench/mmio/format.js';
import { benchmarkVhostUser, type VhostUserResult } from '../../bench/vhost-user/benchmark.js';
import type { ClientName } from '../../bench/vhost-user/client.js';
import { vhostUserGoalsOf } from '../../bench/vhost-user/goals.js';
import { prepareFile, writeText } from './bench-files.js';
import { goalLines } from './goal-lines.js';

export interface BenchVhostUserOptions {
  readonly json?: string;
  readonly rounds: number;
  readonly ms: number;
  readonly client: ClientName;
}

const HEAD = ['cores', 'op', 'depth', 'js/s', 'c/s', 'qemu/s', 'js, µs CPU', 'c', 'qemu', 'js/c', 'js/qemu'];

/** @throws IoregionError where the result cannot be written, a program cannot be built, or a server does not start */
export async function benchVhostUser({ json, rounds, ms, client }: BenchVhostUserOptions): Promise<void> {
  if (json !== undefined) await prepareFile(json);
  const result = await benchmarkVhostUser({ client, rounds, milliseconds: ms });
  process.stdout.write(`${vhostUserTable(result, process.stdout.isTTY)}\n`);
  process.stdout.write(`Client: ${result.client}. Load average of the last minute: ${result.load}\n`);
  for (const line of goalLines(vhostUserGoalsOf(result.rows))) process.stdout.write(`${line}\n`);
  if (json !== undefined) await writeText(json, `${JSON.stringify(result, null, 2)}\n`);
}

/** Requests per second, and CPU time of a server for each. Unstyled where `color` is false, for files and pipes. */
export function vhostUserTable({ rows }: Pick<VhostUserResult, 'rows'>, color: boolean): string {
  const table = new Table({
    head: HEAD,
    colAligns: HEAD.map(() => 'right'),
    style: { head: color ? ['bold'] : [], border: color ? ['gray'] : [], compact: true },
  });
  for (const { cores, op, depth, iops, cpu_us, js_over_c, js_over_qemu } of rows) {
    const rates = [iops.js, iops.c, iops.qemu].map((rate) => (rate === null ? '–' : formatCount(rate)));
    const times = [cpu_us.js, cpu_us.c, cpu_us.qemu].map((time) => (time === null ? '–' : time.toFixed(2)));
    table.push([
      cores,
      op,
      depth,
      ...rates,
      ...times,
      formatRatio(js_over_c ?? undefined),
      formatRatio(js_over_qemu ?? undefined),
    ]);
  }
  return table.toString();
}
