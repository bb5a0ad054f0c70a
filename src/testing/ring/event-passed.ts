/** Event indices as a driver computes them: not the device's own arithmetic, which is what tests check. */

/** Whether the entry at `event` is one of those from `before` up to, not including, `after`; modulo 2^16. */
export function eventPassed(event: number, before: number, after: number): boolean {
  return ((event - before) & 0xffff) < ((after - before) & 0xffff);
}
