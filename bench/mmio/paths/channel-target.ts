/** A device behind a region: it is asked over the same channel, in order with everything sent before. */
import { type LoopbackCaller, openLoopbackCaller } from '../../../src/ioregion/index.js';
import { type DeviceCounts, REGION, Register } from '../bench-device.js';
import type { Target } from '../target.js';

export class ChannelTarget implements Target {
  /** For accesses without KVM. */
  readonly caller: LoopbackCaller;

  /** `dispatcherId` names the dispatcher that has the region. */
  constructor(dispatcherId: number) {
    this.caller = openLoopbackCaller(dispatcherId);
  }

  /** The answer to a read follows everything that was posted. */
  settle(): void {
    this.#read(Register.writes);
  }

  counts(): DeviceCounts {
    return {
      reads: this.#read(Register.reads),
      writes: this.#read(Register.writes),
      sum: this.#read(Register.sum),
      refused: this.#read(Register.refused),
    };
  }

  close(): void {
    this.caller.close();
  }

  #read(offset: number): number {
    const low = this.caller.read('mmio', REGION.gpa + offset, 8);
    return this.caller.valueHigh * 2 ** 32 + low;
  }
}
