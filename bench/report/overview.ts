/** The picture at the top of the report: every row on one logarithmic time axis. */
import { formatMicroseconds, formatRatio } from '../mmio/format.js';
import type { MmioResult, ResultRow } from '../mmio/result.js';
import { html, type Markup } from './html.js';

const WIDTH = 1000;
const PLOT_LEFT = 200;
const PLOT_RIGHT = 800;
/** Right edges of the columns of figures beside the plot. */
const COLUMNS = { js: 870, c: 935, ratio: 995 } as const;
const TOP = 34;
const LANE_HEIGHT = 44;
/** Distance of each implementation's bar from the top of its lane. */
const BAR_OFFSET = { js: 15, c: 29 } as const;

interface Axis {
  readonly from: number;
  readonly to: number;
}

/** An SVG picture of p50, p90, p99 and p99.9 of all rows, one lane for each path and operation. */
export function overview(result: Pick<MmioResult, 'rows' | 'ratios'>): Markup {
  const lanes = lanesOf(result.rows);
  const axis = axisOf(result.rows);
  const bottom = TOP + lanes.length * LANE_HEIGHT;
  return html`<svg class="overview" viewBox="0 0 ${WIDTH} ${bottom + 30}" role="img" aria-label="p50 to p99.9 of every row on a logarithmic time axis">
${gridLines(axis, bottom)}
${columnHeads()}
${lanes.map((rows, index) => lane(rows, ratioOf(result, rows[0]!), axis, TOP + index * LANE_HEIGHT))}
</svg>`;
}

function lanesOf(rows: readonly ResultRow[]): ResultRow[][] {
  const lanes = new Map<string, ResultRow[]>();
  for (const row of rows) {
    const name = `${row.path} ${row.op}`;
    lanes.set(name, [...(lanes.get(name) ?? []), row]);
  }
  return [...lanes.values()];
}

function ratioOf(result: Pick<MmioResult, 'ratios'>, row: ResultRow): number | undefined {
  return result.ratios.find((ratio) => ratio.path === row.path && ratio.op === row.op)?.js_over_c_p50;
}

function axisOf(rows: readonly ResultRow[]): Axis {
  const lowest = Math.max(1, Math.min(...rows.map((row) => row.p50_ns)));
  const highest = Math.max(10, ...rows.map((row) => row.p999_ns));
  return { from: lowest / 1.5, to: highest * 1.3 };
}

function position(axis: Axis, ns: number): number {
  const share = Math.log(Math.max(ns, axis.from) / axis.from) / Math.log(axis.to / axis.from);
  return Math.round((PLOT_LEFT + share * (PLOT_RIGHT - PLOT_LEFT)) * 10) / 10;
}

function gridLines(axis: Axis, bottom: number): Markup[] {
  return ticksOf(axis).map(({ ns, major }) => {
    const x = position(axis, ns);
    const label = major ? html`<text x="${x}" y="${bottom + 20}" text-anchor="middle">${tickLabel(ns)}</text>` : html``;
    return html`<line class="${major ? 'grid major' : 'grid'}" x1="${x}" x2="${x}" y1="${TOP}" y2="${bottom}"/>${label}`;
  });
}

function ticksOf(axis: Axis): { ns: number; major: boolean }[] {
  const first = Math.floor(Math.log10(axis.from));
  const decades = Array.from(
    { length: Math.ceil(Math.log10(axis.to)) - first + 1 },
    (_, index) => 10 ** (first + index),
  );
  return decades
    .flatMap((decade) => [1, 2, 5].map((step) => ({ ns: decade * step, major: step === 1 })))
    .filter(({ ns }) => ns >= axis.from && ns <= axis.to);
}

function tickLabel(ns: number): string {
  if (ns >= 1e9) return `${ns / 1e9} s`;
  if (ns >= 1e6) return `${ns / 1e6} ms`;
  return ns >= 1e3 ? `${ns / 1e3} µs` : `${ns} ns`;
}

function lane(rows: readonly ResultRow[], ratio: number | undefined, axis: Axis, top: number): Markup {
  const { path, op } = rows[0]!;
  const middle = top + LANE_HEIGHT / 2 + 4;
  return html`<line class="lane" x1="0" x2="${WIDTH}" y1="${top}" y2="${top}"/>
<text class="path" x="0" y="${middle}">${path}</text><text class="op" x="${PLOT_LEFT - 16}" y="${middle}" text-anchor="end">${op}</text>
${rows.map((row) => bar(row, axis, top + BAR_OFFSET[row.impl]))}
${rows.map((row) => column(row.impl, row.impl, formatMicroseconds(row.p50_ns), middle))}
${column('ratio', 'ratio', formatRatio(ratio), middle)}`;
}

function columnHeads(): Markup[] {
  const heads = [
    ['js', 'js p50 µs'],
    ['c', 'c p50 µs'],
    ['ratio', 'js/c'],
  ] as const;
  return heads.map(([name, text]) => column(name, 'head', text, TOP - 14));
}

function column(name: keyof typeof COLUMNS, style: string, text: string, y: number): Markup {
  return html`<text class="${style}" x="${COLUMNS[name]}" y="${y}" text-anchor="end">${text}</text>`;
}

function bar(row: ResultRow, axis: Axis, y: number): Markup {
  const [p50, p90, p99, p999] = [row.p50_ns, row.p90_ns, row.p99_ns, row.p999_ns].map((ns) => position(axis, ns));
  return html`<g class="bar ${row.impl}"><title>${describe(row)}</title>
<line class="tail" x1="${p50!}" x2="${p999!}" y1="${y}" y2="${y}"/>
<line class="tick" x1="${p99!}" x2="${p99!}" y1="${y - 4}" y2="${y + 4}"/>
<line class="body" x1="${p50!}" x2="${p90!}" y1="${y}" y2="${y}"/>
<circle class="end" cx="${p999!}" cy="${y}" r="2.5"/><circle class="median" cx="${p50!}" cy="${y}" r="5"/></g>`;
}

function describe(row: ResultRow): string {
  const figures = [row.p50_ns, row.p90_ns, row.p99_ns, row.p999_ns].map(formatMicroseconds).join(' / ');
  return `${row.path} ${row.op} (${row.impl}): p50 / p90 / p99 / p99.9 = ${figures} µs`;
}
