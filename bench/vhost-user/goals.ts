/** What a disk served by TypeScript promises beside others, and whether a result keeps it. */
import type { Goal } from '../mmio/goals.js';
import type { VhostUserRow } from './benchmark.js';

/** Lowest requests per second over those of the other. */
const QEMU_GOAL = 0.9;
const C_GOAL = 0.8;

export function vhostUserGoalsOf(rows: readonly VhostUserRow[]): Goal[] {
  return rows.flatMap((row) => [
    ...goal(row, 'qemu', row.js_over_qemu, QEMU_GOAL),
    ...goal(row, 'c', row.js_over_c, C_GOAL),
  ]);
}

function goal({ cores, op, depth }: VhostUserRow, other: string, value: number | null, limit: number): Goal[] {
  if (value === null) return [];
  const name = `${op} at depth ${depth}, ${cores === 1 ? 'one core' : 'two cores'}, js/${other} requests per second`;
  return [{ name, value, relation: '≥', limit, met: value >= limit }];
}
