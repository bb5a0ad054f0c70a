/**
 * Cold start: how long `ioregion probe` takes, Node's own start included, how long `ioregion serve blk` until a frontend can
 * connect and until it has its first answer, and a region server's Worker until it is ready. Medians; the status is 1 where
 * one is beyond its limit. And the memory of a disk server that has nothing to do.
 *
 *     node dist/bench/start/main.js
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import Table from 'cli-table3';
import { RegionServerThread } from '../../src/ioregion/index.js';
import { socketpair } from '../../src/native/index.js';
import { DiskServer } from './disk-server.js';
import { CERTIFICATES, timeNode } from './measured-process.js';

const RUNS = 10;
const UNLIMITED = Number.POSITIVE_INFINITY;
const EMPTY = ['-e', ''];
const PROBE_LIMIT_MS = 150;
const SERVE_LIMIT_MS = 150;
const WORKER_LIMIT_MS = 100;
const RESIDENT_LIMIT_MB = 80;
const PROGRAM = fileURLToPath(new URL('../../src/cli/ioregion.cjs', import.meta.url));
const DEVICE = { module: new URL('../../examples/counter-device.js', import.meta.url).href };

interface Row {
  readonly what: string;
  readonly limit: number;
  /** Milliseconds of each run, sorted. */
  readonly times: readonly number[];
}

async function timeServer(): Promise<number> {
  const started = performance.now();
  await using server = DiskServer.start(PROGRAM);
  (await server.connect()).close();
  return performance.now() - started;
}

async function timeAnswer(): Promise<number> {
  const started = performance.now();
  await using server = DiskServer.start(PROGRAM);
  await server.ask();
  return performance.now() - started;
}

/** Megabytes of a server that has had a frontend. */
async function measureMemory() {
  await using server = DiskServer.start(PROGRAM);
  await server.ask();
  return server.memory();
}

async function timeWorker(): Promise<number> {
  const [vmm, device] = socketpair('seqpacket');
  const started = performance.now();
  const server = await RegionServerThread.start({ readFd: device, writeFd: device, regions: [{ device: DEVICE }] });
  const ms = performance.now() - started;
  await server.close();
  vmm.close();
  device.close();
  return ms;
}

/** Node's own part of the next. */
async function timeEmptyWorker(): Promise<number> {
  const started = performance.now();
  const worker = new Worker("require('node:worker_threads').parentPort.postMessage(0)", { eval: true });
  await once(worker, 'message');
  const ms = performance.now() - started;
  await worker.terminate();
  return ms;
}

async function measure(what: string, limit: number, run: () => number | Promise<number>): Promise<Row> {
  const times: number[] = [];
  for (let left = RUNS; left > 0; left--) times.push(await run());
  return { what, limit, times: times.sort((a, b) => a - b) };
}

function median({ times }: Row): number {
  const middle = times.length / 2;
  return (times[Math.floor(middle - 0.5)]! + times[Math.floor(middle)]!) / 2;
}

function print(rows: readonly Row[]): void {
  const head = ['what', 'median, ms', 'fastest', 'slowest', 'limit', 'met'];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const row of rows) {
    const numbers = [median(row), row.times[0]!, row.times.at(-1)!].map((ms) => ms.toFixed(1));
    const verdict = row.limit === UNLIMITED ? ['', ''] : [row.limit, median(row) < row.limit ? 'yes' : 'NO'];
    table.push([row.what, ...numbers, ...verdict.map(String)]);
  }
  console.log(table.toString());
}

const rows = [
  ...(process.env[CERTIFICATES] === undefined
    ? []
    : [await measure(`node, an empty script, with ${CERTIFICATES}`, UNLIMITED, () => timeNode(EMPTY, process.env))]),
  await measure('node, an empty script', UNLIMITED, () => timeNode(EMPTY)),
  await measure('ioregion probe', PROBE_LIMIT_MS, () => timeNode([PROGRAM, 'probe'])),
  await measure('ioregion serve blk until a frontend can connect', SERVE_LIMIT_MS, timeServer),
  await measure('the same until its first answer', UNLIMITED, timeAnswer),
  await measure('a Worker, an empty script', UNLIMITED, timeEmptyWorker),
  await measure("a region server's Worker until it is ready", WORKER_LIMIT_MS, timeWorker),
];
print(rows);
const { resident, proportional } = await measureMemory();
const small = resident < RESIDENT_LIMIT_MB;
console.log(
  `An idle disk server: ${resident} MB resident (limit ${RESIDENT_LIMIT_MB}), ${proportional} MB its share of it.`,
);
process.exitCode = small && rows.every((row) => median(row) < row.limit) ? 0 : 1;
