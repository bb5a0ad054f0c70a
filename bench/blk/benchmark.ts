/** Random reads through the block device, and in C, in turn. */
import { cpus, release, tmpdir } from 'node:os';
import { native } from '../../src/native/index.js';
import { median, round } from '../mmio/statistics.js';
import { DeviceSide } from './device-side.js';
import { BLOCK_BYTES, makeImage } from './image.js';
import { buildReadLoop, type ReferenceRun, runReadLoop } from './reference-side.js';

/** Of each slot, in either language. */
const REQUESTS = 131_072;
const WARM_UP = 65_536;
/** Measured per second of one core, or within this factor of C. */
const GOAL_PER_SECOND = 200_000;
const GOAL_RATIO = 1.5;
const NS_PER_SECOND = 1e9;

export interface BlkRowSpec {
  readonly name: string;
  /** Directory the image is made in. */
  readonly directory: string;
  readonly depth: number;
}

export const BLK_ROWS: readonly BlkRowSpec[] = [
  { name: 'memory', directory: '/dev/shm', depth: 32 },
  { name: 'memory', directory: '/dev/shm', depth: 1 },
  { name: 'page-cache', directory: tmpdir(), depth: 32 },
  { name: 'page-cache', directory: tmpdir(), depth: 1 },
];

export interface BlkRow {
  readonly name: string;
  readonly depth: number;
  /** How requests reached the kernel, in both languages. */
  readonly engine: string;
  /** Reads per second of one core: medians over the rounds. */
  readonly js_per_second: number;
  readonly c_per_second: number;
  /** Median over the rounds of time in JavaScript over time in C. */
  readonly js_over_c: number;
  readonly goal_met: boolean;
}

export interface BlkResult {
  readonly block_bytes: number;
  readonly rounds: number;
  readonly cpu: number;
  readonly cpu_model: string;
  readonly kernel: string;
  readonly node_version: string;
  readonly rows: readonly BlkRow[];
}

export interface BlkOptions {
  /** Slots of each language per row; they alternate. */
  readonly rounds: number;
  /** Where both run. Default: the last CPU. */
  readonly cpu?: number;
}

export async function benchmarkBlk({ rounds, cpu = cpus().length - 1 }: BlkOptions): Promise<BlkResult> {
  const program = await buildReadLoop();
  native.setAffinity([cpu]);
  const rows: BlkRow[] = [];
  for (const spec of BLK_ROWS) rows.push(await measureRow(spec, { program, cpu, rounds }));
  const [processor] = cpus();
  const host = { cpu, cpu_model: processor?.model ?? 'unknown', kernel: release(), node_version: process.version };
  return { block_bytes: BLOCK_BYTES, rounds, ...host, rows };
}

interface RowRun {
  readonly program: string;
  readonly cpu: number;
  readonly rounds: number;
}

async function measureRow(spec: BlkRowSpec, { program, cpu, rounds }: RowRun): Promise<BlkRow> {
  using image = makeImage(spec.directory);
  const device = new DeviceSide(image.path, spec.depth, 'auto');
  try {
    await device.verify();
    await device.run(WARM_UP, 0);
    const reference = { program, path: image.path, engine: device.engine, depth: spec.depth, cpu };
    return rowOf(spec, device.engine, await alternate(device, reference, rounds));
  } finally {
    await device.close();
  }
}

interface Times {
  readonly js: number[];
  readonly c: number[];
}

/** The machine changes its pace: each slot is compared with its neighbour. */
async function alternate(device: DeviceSide, reference: ReferenceRun, rounds: number): Promise<Times> {
  const times: Times = { js: [], c: [] };
  for (let seed = 1; seed <= rounds; seed++) {
    times.js.push(await device.run(REQUESTS, seed));
    times.c.push(await runReadLoop(reference, REQUESTS, seed));
  }
  return times;
}

function rowOf({ name, depth }: BlkRowSpec, engine: string, { js, c }: Times): BlkRow {
  const perSecond = (times: number[]) => Math.round((REQUESTS * NS_PER_SECOND) / median(times));
  const ratio = median(js.map((time, i) => time / c[i]!));
  return {
    name,
    depth,
    engine,
    js_per_second: perSecond(js),
    c_per_second: perSecond(c),
    js_over_c: round(ratio, 2),
    goal_met: perSecond(js) >= GOAL_PER_SECOND || ratio <= GOAL_RATIO,
  };
}
