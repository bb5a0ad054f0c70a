/** Where the accesses of a path end up, seen from the thread that makes them. */
import type { DeviceCounts } from './bench-device.js';

export interface Target {
  /** Returns when the device has handled everything. */
  settle(): void;
  /** What the device has counted; an eventfd's has seen no values. */
  counts(): Partial<DeviceCounts>;
  /** Idempotent. */
  close(): void;
}
