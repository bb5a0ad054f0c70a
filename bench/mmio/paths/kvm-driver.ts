/** Accesses of the bench guest, timed by the guest's own time-stamp counter. The vCPU runs on the calling thread. */
import { type BenchKind, convertSamples, LAYOUT, readBenchCheck, writeBenchParameters } from '../../../guests/index.js';
import type { AccessDriver } from '../batch-meter.js';
import { DATA_VALUE, REGION, Register } from '../bench-device.js';
import { GuestExitError, LostAccessError } from '../errors.js';
import { ACCESS_SIZE, type Operation } from '../row.js';
import type { BenchMachine } from './bench-machine.js';

/** Guest-physical addresses of the parameter block and of the samples. */
export const PARAMETERS = 0x20000;
const SAMPLES = 0x30000;

export class KvmDriver implements AccessDriver {
  readonly operation: Operation;
  readonly #machine: BenchMachine;

  /** Owns the machine. */
  constructor(machine: BenchMachine, operation: Operation) {
    this.#machine = machine;
    this.operation = operation;
  }

  batch(count: number, samples: Uint32Array, at: number): void {
    this.#run(this.operation === 'read' ? 'mmio-read' : 'mmio-write', count);
    if (this.operation === 'read') this.#checkReads(count);
    this.#convert(count, samples, at);
  }

  floor(count: number, samples: Uint32Array): void {
    this.#run('none', count);
    this.#convert(count, samples, 0);
  }

  close(): void {
    this.#machine.close();
  }

  #run(kind: BenchKind, count: number): void {
    const address = REGION.gpa + Register.data;
    const parameters = { kind, width: ACCESS_SIZE, address, count, samples: SAMPLES } as const;
    writeBenchParameters(this.#machine.memory, PARAMETERS, parameters);
    const stop = this.#machine.core.run();
    if (stop.type !== 'kvm') throw new GuestExitError(stop.type);
    const { exit } = stop;
    if (exit.reason !== 'KVM_EXIT_IO' || exit.port !== LAYOUT.GUEST_EXIT_PORT) throw new GuestExitError(exit.reason);
  }

  #checkReads(count: number): void {
    const sum = readBenchCheck(this.#machine.memory, PARAMETERS);
    const expected = Math.imul(count, DATA_VALUE) >>> 0;
    if (sum !== expected) throw new LostAccessError('sum of the values read', sum, expected);
  }

  #convert(count: number, samples: Uint32Array, at: number): void {
    convertSamples(this.#machine.memory, SAMPLES, count, this.#machine.tscKhz, samples, at);
  }
}
