/** What this process holds of the kernel's: to see that a test leaves nothing behind. */
import { readdirSync, readFileSync } from 'node:fs';
import { PATIENCE } from './patience.js';

const SETTLE_MS = 5_000 * PATIENCE;
const KIB = 1024;

/** Open descriptors and threads. */
export interface ProcessUsage {
  readonly fds: number;
  readonly threads: number;
}

export function processUsage(): ProcessUsage {
  const fds = readdirSync('/proc/self/fd').length - 1; /* one is the directory being read */
  return { fds, threads: readdirSync('/proc/self/task').length };
}

/** Resident memory in bytes. */
export function residentBytes(): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kib) * KIB;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * The usage once it is down to `limit`, or after some seconds: a thread that has been joined, or a descriptor that was in
 * flight, leaves /proc a moment later.
 */
export async function settledUsage(limit: ProcessUsage): Promise<ProcessUsage> {
  const until = performance.now() + SETTLE_MS;
  let usage = processUsage();
  while ((usage.fds > limit.fds || usage.threads > limit.threads) && performance.now() < until) {
    await turn();
    usage = processUsage();
  }
  return usage;
}
