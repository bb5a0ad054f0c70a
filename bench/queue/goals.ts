/** What the engine promises against C, and whether a result keeps it. */
import type { Goal } from '../mmio/goals.js';
import type { QueueRow } from './benchmark.js';
import { pointName } from './points.js';

/** Highest js over c at every point, and in the case that block devices have. */
const RATIO_GOAL = 2;
const SPLIT_OF_THREE_GOAL = 1.5;
/** Bytes of heap for each chain: far less than one object in a thousand chains. */
const HEAP_GOAL = 0.01;

export function queueGoalsOf(rows: readonly QueueRow[]): Goal[] {
  return rows.flatMap((row) => [ratioGoal(row), heapGoal(row)]);
}

function ratioGoal(row: QueueRow): Goal {
  const special = row.format === 'split' && row.place === 'direct' && row.segments === 3;
  return atMost(`${pointName(row)}, js/c`, row.js_over_c, special ? SPLIT_OF_THREE_GOAL : RATIO_GOAL);
}

function heapGoal(row: QueueRow): Goal {
  return atMost(`${pointName(row)}, heap bytes per chain`, row.js_heap_bytes_per_chain, HEAP_GOAL);
}

function atMost(name: string, value: number, limit: number): Goal {
  return { name, value, relation: '≤', limit, met: value <= limit };
}
