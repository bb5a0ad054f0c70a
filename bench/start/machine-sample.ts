/** One start of a machine, measured. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { guestKernel, LAYOUT, pioWrite, waitEqual, writeOplist } from '../../guests/index.js';
import { memoryUse } from '../../src/vmm/metrics/process-memory.js';
import { measuredEnvironment } from './measured-process.js';

export interface MachineSample {
  /** From the start of the process to the first guest instruction. */
  readonly ms: number;
  /** Processor time of all threads until then, which other work on the host disturbs less. */
  readonly cpuMs: number;
  /** Memory beside that of the guest, when all devices are there. */
  readonly bytes: number;
}

const PROGRAM = fileURLToPath(new URL('../../src/cli/ioregion.cjs', import.meta.url));
const LIMIT_MS = 120_000;
const SERIAL = 0x3f8;
const MIB = 2 ** 20;
const SETTLE_MS = 400;
const SETTLED_BYTES = MIB / 4;
/** Of /proc/PID/stat after the name: user and system time, in ticks of 10 ms. */
const [UTIME, STIME, TICK_MS] = [11, 12, 10];

/** A guest that says one letter on its serial port, and waits for ever. */
export async function writeKernel(path: string): Promise<void> {
  const ops = [pioWrite(SERIAL, 1, 0x61), waitEqual(LAYOUT.GUEST_FREE - 8, 1)];
  const prepare = (memory: Uint8Array) => writeOplist(memory, LAYOUT.GUEST_FREE, ops);
  writeFileSync(path, await guestKernel({ name: 'oplist', mode: 'long', prepare, parameters: LAYOUT.GUEST_FREE }));
}

export interface MeasuredRun {
  readonly kernel: string;
  /** Bytes of guest memory. */
  readonly memory: number;
  readonly disks: readonly string[];
  /** The library that stands in for a /dev/kvm; null where there is one. */
  readonly standIn: string | null;
}

/** `ioregion run`, until the guest's first letter has come out of it: an exit and a write later than its first instruction. */
export async function measureRun({ kernel, memory, disks, standIn }: MeasuredRun): Promise<MachineSample> {
  const words = ['run', '--kernel', kernel, '--memory', `${memory / MIB}M`];
  for (const disk of disks) words.push('--disk', disk);
  const started = performance.now();
  const child = spawn(process.execPath, [PROGRAM, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...measuredEnvironment(), ...(standIn === null ? {} : { LD_PRELOAD: standIn }) },
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  const exited = once(child, 'exit');
  const [data] = await Promise.race([once(child.stdout, 'data'), exited]);
  const ms = performance.now() - started;
  if (!(data instanceof Uint8Array)) throw new Error('ioregion run ended before its guest began');
  const cpuMs = processorMs(child.pid!);
  const sample = { ms, cpuMs, bytes: await settledBytes(child.pid!) };
  child.kill('SIGKILL');
  await exited;
  return sample;
}

/** The guest begins before its devices are there: when they are, the memory grows no more. */
async function settledBytes(pid: number): Promise<number> {
  for (let before = 0; ; ) {
    await delay(SETTLE_MS);
    const { vmmBytes } = memoryUse(pid);
    if (vmmBytes <= before + SETTLED_BYTES) return vmmBytes;
    before = vmmBytes;
  }
}

function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[UTIME]) + Number(fields[STIME])) * TICK_MS;
}
