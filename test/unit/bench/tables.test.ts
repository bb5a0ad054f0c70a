import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { formatMicroseconds } from '#dist/bench/mmio/format.js';
import type { Goal } from '#dist/bench/mmio/goals.js';
import { goalLines } from '#dist/src/cli/goal-lines.js';
import { latencyTable } from '#dist/src/cli/latency-table.js';
import { syntheticResult } from './synthetic-result.js';

const { result } = await syntheticResult(1.05);

/** In a process of its own: the table's library decides about colours when it is loaded, by the environment. */
function colouredInTerminal(): string {
  const module = new URL('../../../dist/src/cli/latency-table.js', import.meta.url).href;
  const program = `import { latencyTable } from '${module}'; console.log(latencyTable({ rows: [], ratios: [] }, true));`;
  const env = { ...process.env, FORCE_COLOR: '1' };
  return execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', env });
}

describe('the latency table', () => {
  const lines = latencyTable(result, false).split('\n');

  it('has a head with the documented columns', () => {
    const head = lines[1]!.split('│').map((cell) => cell.trim());
    expect(head.slice(1, -1)).toEqual(['path', 'op', 'impl', 'p50', 'p90', 'p99', 'p99.9', 'mean', 'n', 'js/c']);
  });

  it('has one line for each row, with times in µs', () => {
    const first = lines[3]!.split('│').map((cell) => cell.trim());
    expect(first.slice(1, 5)).toEqual(['exit-inline', 'read', 'js', formatMicroseconds(result.rows[0]!.p50_ns)]);
    expect(lines.filter((line) => /│ (js|c) +│/.test(line))).toHaveLength(result.rows.length);
  });

  it('shows the ratio beside js only', () => {
    const ratios = lines.slice(3, 5).map((line) => line.split('│').at(-2)!.trim());
    expect(ratios).toEqual([result.ratios[0]!.js_over_c_p50.toFixed(2), '']);
  });

  it('has no escape sequences unless it may be coloured', () => {
    expect(lines.join('')).not.toContain('\u001b');
    expect(colouredInTerminal()).toContain('\u001b');
  });
});

describe('times in µs', () => {
  it.each([
    [412, '0.412'],
    [1234, '1.23'],
    [12_345, '12.3'],
    [123_456, '123'],
    [1_234_567, '1,235'],
  ])('have three digits or more: %d ns is %s', (ns, text) => {
    expect(formatMicroseconds(ns)).toBe(text);
  });
});

describe('the lines about goals', () => {
  const goal: Goal = { name: 'some row, js/c at p50', value: 1.2, relation: '≤', limit: 1.1, met: false };

  it('count the goals and name those that were missed', () => {
    expect(goalLines([goal, { ...goal, met: true }])).toEqual([
      'Goals: 1 of 2 met.',
      '  missed: some row, js/c at p50 is 1.200, should be ≤ 1.100',
    ]);
  });

  it('are none where there are no goals', () => {
    expect(goalLines([])).toEqual([]);
  });
});
