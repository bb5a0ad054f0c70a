/**
 * What our VMM costs before its guest does anything: from the start of `ioregion run` to the first guest instruction, and the
 * memory of the process beside that of the guest, with four disks. Medians of processes one after the other. Without a
 * /dev/kvm all but KVM is measured: bench/reference/kvm takes its place. `npm run bench:machine -- [--json FILE]`; the status is 1 where a limit is
 * missed.
 */
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildKvmStandIn } from '../reference/build.js';
import { type MachineSample, measureRun, writeKernel } from './machine-sample.js';
import { printEmptyNode } from './measured-process.js';

const RUNS = 7;
const DISKS = 4;
const DISK_BYTES = 2 ** 20;
const START_LIMIT_MS = 300;
const MEMORY_LIMIT_MIB = 120;
const MIB = 2 ** 20;
const GUEST_MEMORY = 64 * MIB;

function hasKvm(): boolean {
  try {
    closeSync(openSync('/dev/kvm', 'r+'));
    return true;
  } catch {
    return false;
  }
}

function createDisks(directory: string): string[] {
  const paths = Array.from({ length: DISKS }, (_, index) => join(directory, `disk-${index}.img`));
  for (const path of paths) {
    writeFileSync(path, '');
    truncateSync(path, DISK_BYTES);
  }
  return paths;
}

async function measure(directory: string, standIn: string | null): Promise<MachineSample[]> {
  const disks = createDisks(directory);
  const kernel = join(directory, 'kernel');
  await writeKernel(kernel);
  const samples: MachineSample[] = [];
  for (let left = RUNS; left > 0; left--)
    samples.push(await measureRun({ kernel, memory: GUEST_MEMORY, disks, standIn }));
  return samples;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

const { json } = parseArgs({ options: { json: { type: 'string' } } }).values;
const standIn = hasKvm() ? null : await buildKvmStandIn();
const directory = mkdtempSync(join(tmpdir(), 'ioregion-start-'));
printEmptyNode();
const samples = await measure(directory, standIn).finally(() => rmSync(directory, { recursive: true }));
const startMs = Math.round(median(samples.map(({ ms }) => ms)));
const cpuMs = Math.round(median(samples.map((sample) => sample.cpuMs)));
const memoryMib = Math.round(median(samples.map(({ bytes }) => bytes / MIB)));
const verdict = (value: number, limit: number) => (value <= limit ? 'met' : 'missed');
console.log(standIn === null ? 'ioregion run, four disks' : 'no /dev/kvm: all of ioregion run with four disks but KVM');
console.log(
  `process start to first guest instruction: ${startMs} ms (limit ${START_LIMIT_MS}: ${verdict(startMs, START_LIMIT_MS)})`,
);
console.log(`processor time until then, all threads: ${cpuMs} ms`);
console.log(`memory of the VMM: ${memoryMib} MiB (limit ${MEMORY_LIMIT_MIB}: ${verdict(memoryMib, MEMORY_LIMIT_MIB)})`);
if (json !== undefined)
  writeFileSync(json, `${JSON.stringify({ kvm: standIn === null, startMs, cpuMs, memoryMib, samples }, null, 2)}\n`);
if (startMs > START_LIMIT_MS || memoryMib > MEMORY_LIMIT_MIB) process.exitCode = 1;
