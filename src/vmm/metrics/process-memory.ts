/** What a process has in memory, from its /proc/PID/status: cheap, whatever the size of the guest. */
import { readFileSync } from 'node:fs';

export interface MemoryUse {
  /** Bytes, guest memory included. */
  readonly residentBytes: number;
  /** Bytes without guest memory, which is the process's shared memory: its own pages and those of files. 0: unknown. */
  readonly vmmBytes: number;
}

const KIB = 1024;

/** Of this process, or another one. */
export function memoryUse(pid: number | 'self' = 'self'): MemoryUse {
  const status = readStatus(pid);
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * KIB;
  return { residentBytes: field('VmRSS'), vmmBytes: field('RssAnon') + field('RssFile') };
}

function readStatus(pid: number | 'self'): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return '';
  }
}
