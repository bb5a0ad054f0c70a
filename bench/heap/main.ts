/**
 * How much heap an access takes, in every thread that runs JavaScript for it: less than one byte, or the status is 1.
 *
 *     node dist/bench/heap/main.js [--accesses N]      (default: 1,000,000 on each path)
 */
import { accessSync, constants } from 'node:fs';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { measureEventLoop } from './event-loop.js';
import { measureExitInline, measureIoregionfd } from './kvm.js';
import { measureLoopback } from './loopback.js';
import type { Measurement } from './measurement.js';

const LIMIT_BYTES = 1;
const DEFAULT_ACCESSES = '1000000';

function kvmUsable(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    console.log('no usable /dev/kvm: its paths are not measured');
    return false;
  }
}

function perAccess(bytes: number, { accesses }: Measurement): string {
  return (bytes / accesses).toFixed(4);
}

function isMet({ use, accesses }: Measurement): boolean {
  return use.allocated / accesses < LIMIT_BYTES && use.grown / accesses < LIMIT_BYTES;
}

function print(measurements: readonly Measurement[]): void {
  const head = ['path', 'thread', 'accesses', 'allocated, B/access', 'live growth, B/access', `< ${LIMIT_BYTES} B`];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const row of measurements) {
    const { path, thread, accesses, use } = row;
    const numbers = [String(accesses), perAccess(use.allocated, row), perAccess(use.grown, row)];
    table.push([path, thread, ...numbers, isMet(row) ? 'yes' : 'NO']);
  }
  console.log(table.toString());
  for (const { path, note } of measurements) if (note !== undefined) console.log(`${path}: ${note}`);
}

const { values } = parseArgs({ options: { accesses: { type: 'string', default: DEFAULT_ACCESSES } } });
const accesses = Number(values.accesses);
const paths = [measureLoopback, measureEventLoop, ...(kvmUsable() ? [measureExitInline, measureIoregionfd] : [])];
const measurements: Measurement[] = [];
for (const measure of paths) measurements.push(...(await measure(accesses)));
print(measurements);
process.exitCode = measurements.every(isMet) ? 0 : 1;
