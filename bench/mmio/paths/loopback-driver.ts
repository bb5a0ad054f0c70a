/** Accesses without KVM: the calling thread makes them through a loopback caller and times each. */
import type { LoopbackCaller } from '../../../src/ioregion/index.js';
import { monotonicNs } from '../../../src/native/index.js';
import type { AccessDriver } from '../batch-meter.js';
import { DATA_VALUE, REGION, Register } from '../bench-device.js';
import { LostAccessError } from '../errors.js';
import { ACCESS_SIZE, type Operation } from '../row.js';

const DATA_ADDRESS = REGION.gpa + Register.data;

export class LoopbackDriver implements AccessDriver {
  readonly operation: Operation;
  readonly #caller: LoopbackCaller;

  /** The caller stays its owner's. */
  constructor(caller: LoopbackCaller, operation: Operation) {
    this.#caller = caller;
    this.operation = operation;
  }

  batch(count: number, samples: Uint32Array, at: number): void {
    if (this.operation === 'read') this.#read(count, samples, at);
    else this.#write(count, samples, at);
  }

  floor(count: number, samples: Uint32Array): void {
    for (let index = 0; index < count; index++) {
      const before = monotonicNs();
      samples[index] = monotonicNs() - before;
    }
  }

  close(): void {}

  #read(count: number, samples: Uint32Array, at: number): void {
    const caller = this.#caller;
    let sum = 0;
    for (let index = at; index < at + count; index++) {
      const before = monotonicNs();
      sum += caller.read('mmio', DATA_ADDRESS, ACCESS_SIZE);
      samples[index] = monotonicNs() - before;
    }
    if (sum !== count * DATA_VALUE) throw new LostAccessError('sum of the values read', sum, count * DATA_VALUE);
  }

  #write(count: number, samples: Uint32Array, at: number): void {
    const caller = this.#caller;
    for (let index = 0; index < count; index++) {
      const before = monotonicNs();
      caller.write('mmio', DATA_ADDRESS, ACCESS_SIZE, count - index);
      samples[at + index] = monotonicNs() - before;
    }
  }
}
