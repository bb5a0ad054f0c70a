/** What this process has in memory, from /proc. */
import { readFileSync } from 'node:fs';

export interface MemoryUse {
  /** Bytes, guest memory included. */
  readonly residentBytes: number;
  /** Bytes without guest memory, pages that several processes share divided among them. 0 where /proc does not tell. */
  readonly vmmBytes: number;
}

/** Mappings of guest memory, of the file that `GuestMemory.create` makes. */
const GUEST_MEMORY = /\/memfd:ioregion-guest/;
const KIB = 1024;

export function memoryUse(): MemoryUse {
  return { residentBytes: process.memoryUsage.rss(), vmmBytes: pssWithoutGuest() };
}

function pssWithoutGuest(): number {
  let isGuest = false;
  let kib = 0;
  for (const line of readMaps()) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) isGuest = GUEST_MEMORY.test(line);
    else if (!isGuest && line.startsWith('Pss:')) kib += Number.parseInt(line.slice(4), 10);
  }
  return kib * KIB;
}

function readMaps(): string[] {
  try {
    return readFileSync('/proc/self/smaps', 'latin1').split('\n');
  } catch {
    return [];
  }
}
