/** The calling thread (each Worker is one), as the kernel sees it. */
import { native } from './binding.js';
import { system } from './system-error.js';

/** The kernel's id of this thread, as in /proc/self/task. */
export function threadId(): number {
  return native.gettid();
}

/** Binds this thread to the CPUs given. */
export function setAffinity(cpus: readonly number[]): void {
  system(() => native.setAffinity([...cpus]));
}

/** The CPUs this thread may run on. */
export function getAffinity(): number[] {
  return system(() => native.getAffinity());
}

/** CLOCK_MONOTONIC in ns, comparable between processes. */
export function monotonicNs(): number {
  return native.monotonicNs();
}

/**
 * For a thread that polls memory, between two looks: waits about a microsecond; where it `yields`, others on its CPU go first.
 * Returns how long it took in µs, 1 at least; negative where the event loop of the thread has something to do.
 */
export function breathe(yields: boolean): number {
  return native.breathe(yields);
}
