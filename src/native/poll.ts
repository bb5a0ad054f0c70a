/** Waiting for a descriptor on a thread that has nothing else to do. */
import { native } from './binding.js';
import type { Fd } from './fd.js';
import { system } from './system-error.js';

const POLLIN = 1;

/**
 * Blocks this thread until `fd` is readable (or at its end, or failed), at most `timeoutMs` (-1: no limit). False where
 * the time ran out.
 */
export function waitReadable(fd: Fd, timeoutMs: number): boolean {
  const pair = Int32Array.of(fd.number, POLLIN);
  return system(() => native.poll(pair, timeoutMs)) > 0;
}
