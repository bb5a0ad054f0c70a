/** `ioregion bench kick`: measures, prints the table, and writes the result. */
import Table from 'cli-table3';
import { type KvmFacts, kvmFacts } from '../../bench/index.js';
import { benchmarkKick, KICK_GOAL, type KickResult } from '../../bench/kick/benchmark.js';
import { KICK_PATH_FACTS } from '../../bench/kick/paths.js';
import { formatMicroseconds, formatRatio } from '../../bench/mmio/format.js';
import { probeHost } from '../kvm/index.js';
import { NothingToMeasureError } from './bench-errors.js';
import { prepareFile, writeText } from './bench-files.js';
import { goalLines } from './goal-lines.js';

export interface BenchKickOptions {
  readonly json?: string;
  readonly rounds: number;
}

const HEAD = ['kick', 'p50 µs', 'p90 µs', 'p99 µs', '× assigned', 'what happens'];
const NUMBERS = 4;

/** @throws NothingToMeasureError without KVM, IoregionError where the result cannot be written or the guest not be built */
export async function benchKick({ json, rounds }: BenchKickOptions): Promise<void> {
  const kvm = kvmFacts(probeHost());
  if (!kvm.usable) throw new NothingToMeasureError(kvm.reason ?? 'no guest runs');
  if (json !== undefined) await prepareFile(json);
  const result = await benchmarkKick({ kvm, rounds });
  process.stdout.write(`${kickTable(result, process.stdout.isTTY)}\n${kickLines(result, kvm).join('\n')}\n`);
  if (json !== undefined) await writeText(json, `${JSON.stringify(result, null, 2)}\n`);
}

/** Latency as the guest sees it. Unstyled where `color` is false, for files and pipes. */
export function kickTable({ rows, over_assigned }: Pick<KickResult, 'rows' | 'over_assigned'>, color: boolean): string {
  const table = new Table({
    head: HEAD,
    colAligns: HEAD.map((_, index) => (index >= 1 && index <= NUMBERS ? 'right' : 'left')),
    style: { head: color ? ['bold'] : [], border: color ? ['gray'] : [], compact: true },
  });
  for (const { path, p50_ns, p90_ns, p99_ns } of rows) {
    const ratio = path === 'assigned' ? '' : formatRatio(over_assigned[path]);
    table.push([path, ...[p50_ns, p90_ns, p99_ns].map(formatMicroseconds), ratio, KICK_PATH_FACTS[path].summary]);
  }
  return table.toString();
}

function kickLines({ over_assigned, goal_met, rows }: KickResult, kvm: KvmFacts): string[] {
  const value = over_assigned.synchronous;
  const goal = {
    name: 'synchronous over assigned at p50',
    value,
    relation: '≥',
    limit: KICK_GOAL,
    met: goal_met,
  } as const;
  const floor = rows[0]?.timer_floor_ns ?? 0;
  const emulated = kvm.guest_emulated ? ' This host emulates kernel-mode guest code.' : '';
  return [`Every figure holds ${formatMicroseconds(floor)} µs of timing.${emulated}`, ...goalLines([goal])];
}
