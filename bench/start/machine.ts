/**
 * What our VMM costs before its guest does anything: from the start of `ioregion run` to the first guest instruction, and the
 * memory of the process beside that of the guest, with four disks. Medians of processes one after the other. Without a
 * /dev/kvm all but KVM is measured, by a stand-in. `npm run bench:machine -- [--json FILE]`; the status is 1 where a limit is
 * missed.
 */
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { entryFile } from '../../src/native/entry-file.js';
import { MACHINE_MEMORY } from './machine-memory.js';
import { type MachineSample, measureRun, measureStandIn, writeKernel } from './machine-sample.js';
import { printEmptyNode } from './measured-process.js';

const RUNS = 7;
const DISKS = 4;
const DISK_BYTES = 2 ** 20;
const START_LIMIT_MS = 300;
const MEMORY_LIMIT_MIB = 120;
const MIB = 2 ** 20;
const STAND_IN = fileURLToPath(entryFile(new URL('./machine-process.js', import.meta.url)));

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

async function measure(kind: 'machine' | 'parts', directory: string): Promise<MachineSample[]> {
  const disks = createDisks(directory);
  const kernel = join(directory, 'kernel');
  if (kind === 'machine') await writeKernel(kernel);
  const samples: MachineSample[] = [];
  for (let left = RUNS; left > 0; left--)
    samples.push(
      kind === 'machine' ? await measureRun(kernel, MACHINE_MEMORY, disks) : measureStandIn(STAND_IN, disks),
    );
  return samples;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

const { json } = parseArgs({ options: { json: { type: 'string' } } }).values;
const kind = hasKvm() ? 'machine' : 'parts';
const directory = mkdtempSync(join(tmpdir(), 'ioregion-start-'));
printEmptyNode();
const samples = await measure(kind, directory).finally(() => rmSync(directory, { recursive: true }));
const startMs = Math.round(median(samples.map(({ ms }) => ms)));
const cpuMs = Math.round(median(samples.map((sample) => sample.cpuMs)));
const memoryMib = Math.round(median(samples.map(({ bytes }) => bytes / MIB)));
const verdict = (value: number, limit: number) => (value <= limit ? 'met' : 'missed');
console.log(
  kind === 'machine' ? 'ioregion run, four disks' : 'no /dev/kvm: all of ioregion run with four disks but KVM',
);
console.log(
  `process start to first guest instruction: ${startMs} ms (limit ${START_LIMIT_MS}: ${verdict(startMs, START_LIMIT_MS)})`,
);
console.log(`processor time until then, all threads: ${cpuMs} ms`);
console.log(`memory of the VMM: ${memoryMib} MiB (limit ${MEMORY_LIMIT_MIB}: ${verdict(memoryMib, MEMORY_LIMIT_MIB)})`);
if (json !== undefined)
  writeFileSync(json, `${JSON.stringify({ kind, startMs, cpuMs, memoryMib, samples }, null, 2)}\n`);
if (startMs > START_LIMIT_MS || memoryMib > MEMORY_LIMIT_MIB) process.exitCode = 1;
