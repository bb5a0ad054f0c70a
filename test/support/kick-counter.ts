/** An exit handler for a vCPU's Worker that counts writes to a doorbell. */
import type { ExitHandler, MmioExit } from '../../src/kvm/index.js';

export interface KickCounterOptions {
  /** gpa. */
  readonly doorbell: number;
  /** The first word is the count. */
  readonly count: SharedArrayBuffer;
}

export default function createKickCounter({ doorbell, count }: KickCounterOptions): ExitHandler {
  const words = new Int32Array(count);
  return {
    mmio(exit: MmioExit): boolean {
      if (exit.address !== doorbell || !exit.isWrite) return false;
      Atomics.add(words, 0, 1);
      return true;
    },
  };
}
