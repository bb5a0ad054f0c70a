/** The report's tables: rows, goals and host. */
import { formatCount, formatGoal, formatMicroseconds, formatRatio } from '../mmio/format.js';
import type { Goal } from '../mmio/goals.js';
import type { HostFacts } from '../mmio/host.js';
import type { KvmFacts } from '../mmio/kvm-facts.js';
import type { Cpus } from '../mmio/placement.js';
import { findRow, type MmioResult, type ResultRatio, type ResultRow } from '../mmio/result.js';
import { PATH_FACTS } from '../mmio/row.js';
import { html, type Markup } from './html.js';

/** One line for each row, with the ratios beside the JavaScript one. */
export function latencyTable(result: Pick<MmioResult, 'rows' | 'ratios'>): Markup {
  return html`<div class="scroll"><table>
<thead><tr><th>path</th><th>op</th><th>impl</th><th>dispatcher</th>
<th class="num">p50</th><th class="num">p90</th><th class="num">p99</th><th class="num">p99.9</th><th class="num">mean</th>
<th class="num">accesses/s</th><th class="num">samples</th><th class="num">js/c p50</th><th class="num">js/c throughput</th></tr></thead>
<tbody>${result.rows.map((row) => latencyLine(row, result))}</tbody></table></div>
<p class="hint">Times in µs, accesses of 4 bytes.</p>`;
}

function latencyLine(row: ResultRow, result: Pick<MmioResult, 'rows' | 'ratios'>): Markup {
  const ratio = row.impl === 'js' ? ratioFor(row, result.ratios) : undefined;
  const follows = row.impl === 'c' && findRow(result.rows, row.path, row.op, 'js') !== undefined;
  return html`<tr class="${follows ? 'second' : 'first'}"><td>${follows ? '' : row.path}</td><td>${follows ? '' : row.op}</td>
<td><span class="key ${row.impl}"></span>${row.impl}</td><td>${row.dispatcher}</td>
${[row.p50_ns, row.p90_ns, row.p99_ns, row.p999_ns, row.mean_ns].map((ns) => number(formatMicroseconds(ns)))}
${[formatCount(row.throughput_per_s), formatCount(row.n)].map(number)}
${ratio === undefined ? [number(''), number('')] : [ratio.js_over_c_p50, ratio.js_over_c_throughput].map((value) => number(formatRatio(value)))}</tr>`;
}

function ratioFor(row: ResultRow, ratios: readonly ResultRatio[]): ResultRatio | undefined {
  return ratios.find((ratio) => ratio.path === row.path && ratio.op === row.op);
}

function number(text: string): Markup {
  return html`<td class="num">${text}</td>`;
}

/** What was promised, what was measured. */
export function goalTable(goals: readonly Goal[]): Markup {
  return html`<div class="scroll"><table class="goals">
<thead><tr><th>goal</th><th class="num">measured</th><th class="num">limit</th><th></th></tr></thead>
<tbody>${goals.map(goalLine)}</tbody></table></div>`;
}

function goalLine(goal: Goal): Markup {
  return html`<tr><td>${goal.name}</td><td class="num">${formatGoal(goal.value)}</td>
<td class="num">${goal.relation} ${formatGoal(goal.limit)}</td>
<td class="${goal.met ? 'met' : 'missed'}">${goal.met ? '✓ met' : '✗ missed'}</td></tr>`;
}

/** The facts of the host, as a description list. */
export function hostList(host: HostFacts): Markup {
  return html`<dl>${hostEntries(host).map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function hostEntries(host: HostFacts): [string, string][] {
  const { placement, guest_timer_floor_ns: floor } = host;
  return [
    ['Date', host.date],
    ['CPU', `${host.cpu_model}, ${host.cpu_count} CPUs`],
    ['Kernel', host.kernel],
    ['Node.js', host.node_version],
    ['/dev/kvm', describeKvm(host.kvm)],
    ['Dispatcher', host.kvm.dispatcher],
    ['Placement', placement.mode],
    ['CPUs, guest waits', describeCpus(placement.waiting)],
    ['CPUs, posted', describeCpus(placement.posted)],
    ['Guest timer floor', floor === null ? 'no guest ran' : `${formatMicroseconds(floor)} µs`],
    ['Measured per pair', `${host.seconds_per_pair} s`],
  ];
}

function describeKvm(kvm: KvmFacts): string {
  if (!kvm.usable) return `not usable: ${kvm.reason ?? 'unknown'}`;
  const code = kvm.guest_emulated ? 'guest kernel-mode code is emulated' : 'guest kernel-mode code runs natively';
  return `API version ${kvm.api_version ?? 'unknown'}${kvm.pvm ? ', PVM' : ''}; ${code}`;
}

function describeCpus({ vcpu, device }: Cpus): string {
  return vcpu === device ? `vCPU and device on CPU ${vcpu}` : `vCPU on CPU ${vcpu}, device on CPU ${device}`;
}

/** Paths that were measured, in the table's order, each with its one sentence. */
export function pathList(rows: readonly ResultRow[]): Markup {
  const paths = [...new Set(rows.map((row) => row.path))];
  return html`<dl>${paths.map((path) => html`<div><dt>${path}</dt><dd>${PATH_FACTS[path].summary}</dd></div>`)}</dl>`;
}
