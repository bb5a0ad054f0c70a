/** What this process has open, counted by the kernel. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { expect, vi } from 'vitest';
import { PATIENCE } from './patience.js';

/** Descriptors of this process, without the one that counts them. */
export function openFds(): string[] {
  return readdirSync('/proc/self/fd').flatMap((number) => {
    try {
      return [`${number} ${readlinkSync(`/proc/self/fd/${number}`)}`];
    } catch {
      return [];
    }
  });
}

/** Mappings of this process whose line in /proc/self/maps contains `text`. */
export function mappingCount(text: string): number {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes(text)).length;
}

export function threadCount(): number {
  return readdirSync('/proc/self/task').length;
}

/** Waits until exactly `before` is open: handles of the event loop are closed at the end of a turn. */
export async function expectOpenFds(before: readonly string[]): Promise<void> {
  await vi.waitFor(() => expect(openFds()).toEqual(before), { timeout: 5_000 * PATIENCE });
}
