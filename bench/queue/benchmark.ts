/** Device loops over every kind of chain, through the queue engine and in C, in turn. */
import { cpus, release } from 'node:os';
import { native } from '../../src/native/index.js';
import { median, round } from '../mmio/statistics.js';
import { DeviceSide, type Run } from './device-side.js';
import { POINTS, type Point, pointName } from './points.js';
import { buildQueueLoop, runQueueLoop } from './reference-side.js';

/** Chains of each slot, in either language, and before the first. */
const CHAINS = 500_000;
/** Slots in which the heap is looked at, and chains of each. */
const HEAP_SLOTS = 3;
const HEAP_CHAINS = 4_000_000;
const WARM_UP_CHAINS = 1_000_000;
const WARM_UP_TURNS = 2;

export interface QueueRow extends Point {
  /** Medians over the rounds. */
  readonly js_ns: number;
  readonly c_ns: number;
  /** Median over the rounds of one over its neighbour. */
  readonly js_over_c: number;
  /** Allocated, collected or not: the least of some slots. What chains take is in each, what the compiler takes is not. */
  readonly js_heap_bytes_per_chain: number;
}

export interface QueueResult {
  readonly rounds: number;
  readonly cpu: number;
  readonly cpu_model: string;
  readonly kernel: string;
  readonly node_version: string;
  readonly rows: readonly QueueRow[];
}

export interface QueueBenchOptions {
  /** Slots of each language per row; they alternate. */
  readonly rounds: number;
  /** Where both run. Default: the last CPU. */
  readonly cpu?: number;
}

export async function benchmarkQueue({ rounds, cpu = cpus().length - 1 }: QueueBenchOptions): Promise<QueueResult> {
  const program = await buildQueueLoop();
  native.setAffinity([cpu]);
  using devices = new DisposableDevices();
  devices.warmUp();
  const rows: QueueRow[] = [];
  for (const [point, device] of devices.all) rows.push(await measureRow(point, device, { program, cpu, rounds }));
  const [processor] = cpus();
  const host = { cpu, cpu_model: processor?.model ?? 'unknown', kernel: release(), node_version: process.version };
  return { rounds, ...host, rows };
}

/** All points in one process, and all of them run before the first is measured: none gets code made for it alone. */
class DisposableDevices implements Disposable {
  readonly all: readonly (readonly [Point, DeviceSide])[] = POINTS.map((point) => [point, new DeviceSide(point)]);

  warmUp(): void {
    for (let turn = 0; turn < WARM_UP_TURNS; turn++)
      for (const [, device] of this.all) device.run(roundsOf(device, WARM_UP_CHAINS));
  }

  [Symbol.dispose](): void {
    for (const [, device] of this.all) device[Symbol.dispose]();
  }
}

function roundsOf({ chains }: DeviceSide, total: number): number {
  return Math.ceil(total / chains);
}

interface RowRun {
  readonly program: string;
  readonly cpu: number;
  readonly rounds: number;
}

async function measureRow(point: Point, device: DeviceSide, { program, cpu, rounds }: RowRun): Promise<QueueRow> {
  const js: number[] = [];
  const c: number[] = [];
  const perSlot = roundsOf(device, CHAINS);
  for (let i = 0; i < rounds; i++) {
    const own = device.run(perSlot);
    const reference = await runQueueLoop(program, point, perSlot, cpu);
    checkSame(point, own, reference);
    js.push(own.round_ns / own.chains);
    c.push(reference.round_ns / reference.chains);
  }
  const bytes = Array.from({ length: HEAP_SLOTS }, () => device.allocatedPerChain(roundsOf(device, HEAP_CHAINS)));
  return {
    ...point,
    js_ns: round(median(js), 1),
    c_ns: round(median(c), 1),
    js_over_c: round(median(js.map((time, i) => time / c[i]!)), 2),
    js_heap_bytes_per_chain: round(Math.min(...bytes), 4),
  };
}

function checkSame(point: Point, js: Run, c: Run): void {
  if (js.seen === c.seen && js.calls === c.calls && js.chains === c.chains) return;
  throw new Error(`${pointName(point)}: JavaScript saw ${JSON.stringify(js)}, C ${JSON.stringify(c)}`);
}
