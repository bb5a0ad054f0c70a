/**
 * A device that proves order: each caller has a window of its own, in which every access has the next number. A read
 * returns it, a write carries it, and one that does not is counted as wrong.
 */
import type { RegisterDevice } from 'ioregion/device';

export const SEQUENCE = {
  /** Bytes of the window of one caller; any offset inside it is the same register. */
  window: 0x100,
  /** Read-only, not counted: accesses of caller n at `counts` + 4 * n. */
  counts: 0xf00,
  /** Writes that did not carry the number due. */
  wrong: 0xf80,
  size: 0x1000,
} as const;

const CALLERS = 8;

export interface SequenceOptions {
  /** Longest time that an access takes, ns; each takes a random part of it. Default: none. */
  readonly busyNs?: number;
}

/** `value` as an access of `size` bytes carries it. */
export function truncated(value: number, size: number): number {
  return size === 4 ? value >>> 0 : value & (2 ** (8 * size) - 1);
}

function busy(ns: number): void {
  const until = performance.now() + (Math.random() * ns) / 1e6;
  while (performance.now() < until);
}

export default function createSequence({ busyNs = 0 }: SequenceOptions = {}): RegisterDevice {
  const counts = new Uint32Array(CALLERS);
  let wrong = 0;

  function status(offset: number): number {
    return offset === SEQUENCE.wrong ? wrong : counts[(offset - SEQUENCE.counts) / 4]!;
  }
  return {
    read(offset) {
      if (offset >= SEQUENCE.counts) return status(offset);
      if (busyNs > 0) busy(busyNs);
      return counts[Math.floor(offset / SEQUENCE.window)]!++;
    },
    write(offset, size, value) {
      if (busyNs > 0) busy(busyNs);
      const due = counts[Math.floor(offset / SEQUENCE.window)]!++;
      if (value !== truncated(due, size)) wrong += 1;
    },
  };
}
