/**
 * Accesses without KVM: the calling thread makes them through a loopback caller and reads the clock between them, so that a
 * sample holds one access and one reading; as bench/reference/loopback_driver.c does.
 */
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
    let before = monotonicNs();
    for (let index = 0; index < count; index++) {
      const after = monotonicNs();
      samples[index] = after - before;
      before = after;
    }
  }

  close(): void {}

  #read(count: number, samples: Uint32Array, at: number): void {
    const caller = this.#caller;
    let sum = 0;
    let before = monotonicNs();
    for (let index = at; index < at + count; index++) {
      sum += caller.read('mmio', DATA_ADDRESS, ACCESS_SIZE);
      const after = monotonicNs();
      samples[index] = after - before;
      before = after;
    }
    if (sum !== count * DATA_VALUE) throw new LostAccessError('sum of the values read', sum, count * DATA_VALUE);
  }

  #write(count: number, samples: Uint32Array, at: number): void {
    const caller = this.#caller;
    let before = monotonicNs();
    for (let index = 0; index < count; index++) {
      caller.write('mmio', DATA_ADDRESS, ACCESS_SIZE, count - index);
      const after = monotonicNs();
      samples[at + index] = after - before;
      before = after;
    }
  }
}
