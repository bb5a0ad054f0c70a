/** One measured thread of one way of access. */
import type { LoopbackCaller } from '../../src/ioregion/index.js';
import type { HeapUse } from './heap-meter.js';
import { REGION, Register } from './metered-device.js';

export interface Measurement {
  readonly path: string;
  /** Whose heap. */
  readonly thread: string;
  readonly use: HeapUse;
  readonly accesses: number;
  readonly note?: string;
}

/** Accesses that come before those measured: by then everything is compiled. */
export const WARM_UP = 50_000;

/** The heap use of the thread that serves the metered device, while `body` makes accesses. */
export function meterServer(caller: LoopbackCaller, body: () => void): HeapUse {
  caller.read('mmio', REGION.gpa + Register.begin, 4);
  body();
  const allocated = caller.read('mmio', REGION.gpa + Register.end, 4);
  return { allocated, grown: caller.read('mmio', REGION.gpa + Register.grown, 4) | 0 };
}
