/** The latency table on a terminal. */
import Table from 'cli-table3';
import { formatCount, formatMicroseconds, formatRatio } from '../../bench/mmio/format.js';
import type { MmioResult, ResultRow } from '../../bench/mmio/result.js';

const HEAD = ['path', 'op', 'impl', 'p50', 'p90', 'p99', 'p99.9', 'mean', 'n', 'js/c'];
const TEXT_COLUMNS = 3;

/** The rows of a result, in µs. Unstyled where `color` is false, for files and pipes. */
export function latencyTable(result: Pick<MmioResult, 'rows' | 'ratios'>, color: boolean): string {
  const table = new Table({
    head: HEAD,
    colAligns: HEAD.map((_, index) => (index < TEXT_COLUMNS ? 'left' : 'right')),
    style: { head: color ? ['bold'] : [], border: color ? ['gray'] : [], compact: true },
  });
  for (const row of result.rows) table.push(cells(row, result));
  return table.toString();
}

function cells(row: ResultRow, result: Pick<MmioResult, 'ratios'>): string[] {
  const times = [row.p50_ns, row.p90_ns, row.p99_ns, row.p999_ns, row.mean_ns].map(formatMicroseconds);
  return [row.path, row.op, row.impl, ...times, formatCount(row.n), ratioCell(row, result)];
}

/** Beside the JavaScript row only. */
function ratioCell(row: ResultRow, result: Pick<MmioResult, 'ratios'>): string {
  if (row.impl !== 'js') return '';
  return formatRatio(result.ratios.find(({ path, op }) => path === row.path && op === row.op)?.js_over_c_p50);
}
