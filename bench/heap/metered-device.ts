/** A device that measures the heap of the thread that serves it, between two accesses to its control registers. */
import type { RegisterDevice } from '../../src/ioregion/device.js';
import { HeapMeter, type HeapUse } from './heap-meter.js';

/** Offsets; all are 4 bytes wide. Reading `end` ends the measurement and returns `allocated`. */
export const Register = { data: 0x00, begin: 0x10, end: 0x14, grown: 0x18 } as const;
export const REGION = { gpa: 0xd000_0000, size: 0x1000 } as const;

export default function createMeteredDevice(): RegisterDevice {
  const meter = new HeapMeter();
  let use: HeapUse = { allocated: 0, grown: 0 };
  let data = 0;

  function control(offset: number): number {
    if (offset === Register.grown) return use.grown;
    if (offset === Register.begin) {
      meter.begin();
      return 0;
    }
    use = meter.end();
    return use.allocated;
  }
  return {
    read: (offset) => (offset === Register.data ? data : control(offset)),
    write(_offset, _size, value) {
      data = value;
    },
  };
}
