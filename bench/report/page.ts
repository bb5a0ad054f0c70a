/** The HTML report: one file with everything in it, so that it can be mailed and opened without a network. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { formatRatio } from '../mmio/format.js';
import { goalsOf } from '../mmio/goals.js';
import type { MmioResult, ResultRatio } from '../mmio/result.js';
import type { PairRun } from '../mmio/run-pair.js';
import { pairCharts, pairId } from './chart-data.js';
import { html, Markup } from './html.js';
import { methodNotes } from './method.js';
import { overview } from './overview.js';
import type { PairCharts } from './page-data.js';
import { goalTable, hostList, latencyTable, pathList } from './tables.js';

/** From dist/bench/report to the sources of the page, which need no compiler. */
const pageFolder = fileURLToPath(new URL('../../../bench/report/page/', import.meta.url));
const uplotFolder = 'uplot/dist/';

/** The whole document, as text. */
export function reportPage(result: MmioResult, pairs: readonly PairRun[]): string {
  const goals = goalsOf(result);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>ioregion: MMIO latency</title>
<style>${asset(uplot('uPlot.min.css'))}${asset(`${pageFolder}page.css`)}</style>
</head>
<body>
<header><h1>MMIO latency</h1><p>${result.host.cpu_model} · Linux ${result.host.kernel} · Node.js ${result.host.node_version} · ${result.host.date.slice(0, 16).replace('T', ' ')} UTC</p></header>
<main>
<section><h2>All paths</h2>${legend()}${overview(result)}
<p class="hint">Large dot: p50. Bar: to p90. Tick: p99. Line and small dot: to p99.9. Logarithmic time axis.</p></section>
<section><h2>Figures</h2>${latencyTable(result)}</section>
${goals.length === 0 ? html`` : html`<section><h2>Goals</h2>${goalTable(goals)}</section>`}
<section><h2>Distributions</h2>
<p class="hint">First plot of each card: share of the samples in equal intervals of the logarithmic time axis, without the slowest fiftieth. Second: the percentile reached at a time, to p99.9.</p>
<div class="cards">${pairs.map((pair) => card(pair, result.ratios))}</div></section>
<section class="columns"><div><h2>Host</h2>${hostList(result.host)}</div><div><h2>Paths</h2>${pathList(result.rows)}</div></section>
<section><h2>Method</h2>${methodNotes(result.host)}</section>
</main>
<script type="application/json" id="charts">${json(pairs.map(pairCharts))}</script>
<script>${asset(uplot('uPlot.iife.min.js'))}</script>
<script type="module">${asset(`${pageFolder}page.js`)}</script>
</body>
</html>
`.text;
}

function legend(): Markup {
  return html`<p class="legend"><span><span class="key js"></span>js: TypeScript</span><span><span class="key c"></span>c: the same in C</span></p>`;
}

function card(pair: PairRun, ratios: readonly ResultRatio[]): Markup {
  const id = pairId(pair);
  const ratio = ratios.find(({ path, op }) => path === pair.path && op === pair.operation);
  return html`<article class="card"><h3>${pair.path} <small>${pair.operation}</small><span class="ratio">js/c p50 ${formatRatio(ratio?.js_over_c_p50)}</span></h3>
<div class="plots"><div id="density-${id}" class="plot"></div><div id="percentile-${id}" class="plot"></div></div></article>`;
}

function uplot(file: string): string {
  return createRequire(import.meta.url).resolve(uplotFolder + file);
}

function asset(path: string): Markup {
  return new Markup(readFileSync(path, 'utf8'));
}

/** JSON that cannot end the script element it stands in. */
function json(charts: readonly PairCharts[]): Markup {
  return new Markup(JSON.stringify(charts).replaceAll('<', '\\u003c'));
}
