/**
 * What our VMM costs before its guest does anything: from the start of its process to the first guest instruction, and the
 * memory of the process beside that of the guest, with four disks. Medians of processes one after the other. Without a
 * /dev/kvm all but KVM is measured. `npm run bench:machine -- [--json FILE]`; the status is 1 where a limit is missed.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { guestKernel, LAYOUT, waitEqual, writeOplist } from '../../guests/index.js';
import { measuredEnvironment, printEmptyNode } from './measured-process.js';

const RUNS = 7;
const START_LIMIT_MS = 300;
const MEMORY_LIMIT_MIB = 120;
const MIB = 2 ** 20;
const PROCESS = fileURLToPath(new URL('./machine-process.js', import.meta.url));

function hasKvm(): boolean {
  try {
    closeSync(openSync('/dev/kvm', 'r+'));
    return true;
  } catch {
    return false;
  }
}

/** A guest that waits for ever. */
async function writeKernel(path: string): Promise<void> {
  const prepare = (memory: Uint8Array) => writeOplist(memory, LAYOUT.GUEST_FREE, [waitEqual(LAYOUT.GUEST_FREE - 8, 1)]);
  const kernel = await guestKernel({ name: 'oplist', mode: 'long', prepare, parameters: LAYOUT.GUEST_FREE });
  writeFileSync(path, kernel);
}

/** `cpuMs`: processor time of all threads, which other work on the host disturbs less than it does `ms`. */
interface Sample {
  readonly ms: number;
  readonly cpuMs: number;
  readonly bytes: number;
}

function measure(kind: string, kernel: string): Sample {
  const env = measuredEnvironment();
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROCESS, kind, kernel], { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`the measured process failed: ${stderr}`);
  return JSON.parse(stdout);
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

const { json } = parseArgs({ options: { json: { type: 'string' } } }).values;
const kind = hasKvm() ? 'machine' : 'parts';
const directory = mkdtempSync(join(tmpdir(), 'ioregion-start-'));
const kernel = join(directory, 'kernel');
await writeKernel(kernel);
printEmptyNode();
const samples = Array.from({ length: RUNS }, () => measure(kind, kernel));
rmSync(directory, { recursive: true });
const startMs = Math.round(median(samples.map(({ ms }) => ms)));
const cpuMs = Math.round(median(samples.map((sample) => sample.cpuMs)));
const memoryMib = Math.round(median(samples.map(({ bytes }) => bytes / MIB)));
const verdict = (value: number, limit: number) => (value <= limit ? 'met' : 'missed');
console.log(kind === 'machine' ? 'a machine with four disks' : 'no /dev/kvm: all of a machine with four disks but KVM');
console.log(
  `process start to first guest instruction: ${startMs} ms (limit ${START_LIMIT_MS}: ${verdict(startMs, START_LIMIT_MS)})`,
);
console.log(`processor time until then, all threads: ${cpuMs} ms`);
console.log(`memory of the VMM: ${memoryMib} MiB (limit ${MEMORY_LIMIT_MIB}: ${verdict(memoryMib, MEMORY_LIMIT_MIB)})`);
if (json !== undefined)
  writeFileSync(json, `${JSON.stringify({ kind, startMs, cpuMs, memoryMib, samples }, null, 2)}\n`);
if (startMs > START_LIMIT_MS || memoryMib > MEMORY_LIMIT_MIB) process.exitCode = 1;
