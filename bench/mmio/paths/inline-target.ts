/** A device in the vCPU's own thread. */
import { RegisterBus } from '../../../src/ioregion/index.js';
import type { ExitHandler } from '../../../src/kvm/index.js';
import { BenchDevice, type DeviceCounts, REGION, Register } from '../bench-device.js';
import type { Target } from '../target.js';

export class InlineTarget implements Target {
  readonly exitHandler: ExitHandler;
  readonly #device = new BenchDevice();

  constructor() {
    const place = { space: 'mmio', address: REGION.gpa, size: REGION.size, device: this.#device } as const;
    this.exitHandler = new RegisterBus([place]);
  }

  settle(): void {}

  counts(): DeviceCounts {
    return {
      reads: this.#read(Register.reads),
      writes: this.#read(Register.writes),
      sum: this.#read(Register.sum),
      refused: this.#read(Register.refused),
    };
  }

  close(): void {}

  #read(offset: number): number {
    return Number(this.#device.read64(offset));
  }
}
