/** What a kick costs the guest: as an ioeventfd, and as a register access, in turn. */
import { cpus, release } from 'node:os';
import { buildGuest } from '../../guests/index.js';
import type { KvmFacts } from '../mmio/kvm-facts.js';
import { median, round } from '../mmio/statistics.js';
import { KickMachine } from './kick-machine.js';
import { KICK_PATH_FACTS, KICK_PATHS, type KickPath } from './paths.js';

/** Kicks of one run of the guest: their samples fit in its memory. */
const BATCH = 5000;
const WARM_UP = 2000;
/** The synchronous path must cost this many times as much as an ioeventfd. */
export const KICK_GOAL = 3;

/** Times in ns, seen by the guest; `timer_floor_ns` of each is in every sample. */
export interface KickRow {
  readonly path: KickPath;
  readonly n: number;
  /** Median over the rounds of their exact medians; so are the others. */
  readonly p50_ns: number;
  readonly p90_ns: number;
  readonly p99_ns: number;
  readonly timer_floor_ns: number;
}

export interface KickResult {
  readonly kvm: KvmFacts;
  readonly cpu_model: string;
  readonly kernel: string;
  readonly node_version: string;
  readonly rounds: number;
  readonly rows: readonly KickRow[];
  /** Median over the rounds of p50 over p50 of `assigned`. */
  readonly over_assigned: Readonly<Record<Exclude<KickPath, 'assigned'>, number>>;
  readonly goal_met: boolean;
}

export interface KickOptions {
  readonly kvm: KvmFacts;
  /** Batches of 5000 kicks of each path; they alternate. */
  readonly rounds: number;
}

/** @throws KvmUnavailableError, GuestBuildError */
export async function benchmarkKick({ kvm, rounds }: KickOptions): Promise<KickResult> {
  const guest = await buildGuest('bench', 'protected');
  const machines: Meter[] = [];
  try {
    for (const path of KICK_PATHS) machines.push(new Meter(path, await KickMachine.open(guest, path)));
    for (const meter of machines) meter.warmUp();
    for (let round = 0; round < rounds; round++) for (const meter of machines) meter.measure();
  } finally {
    for (const meter of machines) await meter.close();
  }
  const [processor] = cpus();
  const host = { cpu_model: processor?.model.trim() ?? 'unknown', kernel: release(), node_version: process.version };
  return { kvm, ...host, rounds, ...resultOf(machines) };
}

interface Round {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly floor: number;
}

/** One path, and what its rounds gave. */
class Meter {
  readonly path: KickPath;
  readonly rounds: Round[] = [];
  readonly #machine: KickMachine;

  constructor(path: KickPath, machine: KickMachine) {
    this.path = path;
    this.#machine = machine;
  }

  warmUp(): void {
    this.#machine.run('mmio-write', WARM_UP);
  }

  /** @throws Error where kicks did not come the way that is measured */
  measure(): void {
    const before = this.#machine.accesses;
    const samples = this.#machine.run('mmio-write', BATCH).sort();
    const accesses = this.#machine.accesses - before;
    const expected = KICK_PATH_FACTS[this.path].assigned ? 0 : BATCH;
    if (accesses !== expected) throw new Error(`${this.path}: ${accesses} of ${BATCH} kicks were register accesses`);
    const at = (percent: number) => samples[Math.floor((percent / 100) * (BATCH - 1))]!;
    const floor = median(this.#machine.run('none', WARM_UP));
    this.rounds.push({ p50: at(50), p90: at(90), p99: at(99), floor });
  }

  close(): Promise<void> {
    return this.#machine.close();
  }
}

function resultOf(meters: readonly Meter[]): Pick<KickResult, 'rows' | 'over_assigned' | 'goal_met'> {
  const assigned = meters.find(({ path }) => path === 'assigned')!;
  const over = (path: KickPath) => {
    const { rounds } = meters.find((meter) => meter.path === path)!;
    return round(median(rounds.map(({ p50 }, index) => p50 / assigned.rounds[index]!.p50)), 2);
  };
  const over_assigned = { synchronous: over('synchronous'), register: over('register') };
  return { rows: meters.map(rowOf), over_assigned, goal_met: over_assigned.synchronous >= KICK_GOAL };
}

function rowOf({ path, rounds }: Meter): KickRow {
  const of = (field: keyof Round) => round(median(rounds.map((one) => one[field])), 1);
  return {
    path,
    n: rounds.length * BATCH,
    p50_ns: of('p50'),
    p90_ns: of('p90'),
    p99_ns: of('p99'),
    timer_floor_ns: of('floor'),
  };
}
