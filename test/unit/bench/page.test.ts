import { describe, expect, it } from 'vitest';
import { hostFacts } from '#dist/bench/mmio/host.js';
import { placeThreads } from '#dist/bench/mmio/placement.js';
import { buildResult } from '#dist/bench/mmio/result.js';
import { html } from '#dist/bench/report/html.js';
import { reportPage } from '#dist/bench/report/page.js';
import { KVM_FACTS, syntheticResult } from './synthetic-result.js';

const { result, pairs } = await syntheticResult(1.05);
const page = reportPage(result, pairs);

describe('the HTML report', () => {
  it('loads nothing: every script and style is in it', () => {
    expect(page).not.toMatch(/<link\b|<img\b|<iframe\b|@import\s+(url|["'])|url\(/i);
    expect(page).not.toMatch(/<[^>]*\b(src|href)\s*=/i);
    expect(page).toContain('uPlot');
  });

  it('has a place and data for the plots of every pair', () => {
    const json = /<script type="application\/json" id="charts">(.*?)<\/script>/s.exec(page)![1]!;
    const charts: { id: string; density: { x: number[]; series: { impl: string; y: number[] }[] } }[] =
      JSON.parse(json);
    expect(charts).toHaveLength(11);
    for (const { id, density } of charts) {
      expect(page).toContain(`id="density-${id}"`);
      expect(page).toContain(`id="percentile-${id}"`);
      expect(density.series.map(({ impl }) => impl)).toEqual(['js', 'c']);
      for (const { y } of density.series) expect(y).toHaveLength(density.x.length);
    }
  });

  it('plots all samples but the slowest fiftieth', () => {
    const json = /id="charts">(.*?)<\/script>/s.exec(page)![1]!;
    const charts: { density: { series: { y: number[] }[] } }[] = JSON.parse(json);
    for (const { y } of charts.flatMap(({ density }) => density.series)) {
      expect(y.reduce((sum, share) => sum + share, 0)).toBeGreaterThan(97.5);
    }
  });

  it('shows every figure of the table', () => {
    expect(page.match(/<tr class="(first|second)">/g)).toHaveLength(result.rows.length);
    expect(page).toContain(`<td class="num">${result.ratios[0]!.js_over_c_p50.toFixed(2)}</td>`);
  });

  it('knows a light and a dark scheme', () => {
    expect(page).toContain('prefers-color-scheme: dark');
    expect(page).toContain('content="light dark"');
  });

  it('can be made where only the loopback rows were run, in one implementation', () => {
    const host = hostFacts({
      kvm: { ...KVM_FACTS, usable: false, reason: 'no <kvm> here' },
      placement: placeThreads('auto', [0]),
      guestTimerFloorNs: null,
      secondsPerPair: 1,
    });
    const loopback = pairs.filter(({ path }) => path === 'loopback-thread');
    const alone = loopback.map((pair) => ({ ...pair, rows: pair.rows.slice(0, 1) }));
    const small = reportPage(buildResult(host, alone), alone);
    expect(small).toContain('not usable: no &lt;kvm&gt; here');
    expect(small).not.toContain('NaN');
  });
});

describe('the template tag', () => {
  it('escapes text and keeps markup', () => {
    expect(html`<b title="${'"<&\''}">${html`<i>${1}</i>`}</b>`.text).toBe(
      '<b title="&quot;&lt;&amp;&#39;"><i>1</i></b>',
    );
  });
});
