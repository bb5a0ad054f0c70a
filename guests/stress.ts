/** The parameter block of the stress guest, and a model of what it does. */
import { LAYOUT } from './layout.js';

export interface StressParameters {
  /** 32 bits, not zero. */
  readonly seed: number;
  readonly count: number;
  readonly vcpu: number;
  readonly vcpus: number;
  /** Guest-physical addresses of the regions: a power of two of them, at most 16. */
  readonly bases: readonly number[];
  /** 32-bit registers of each vCPU in each region, a power of two: a region has `registers * vcpus` of them. */
  readonly registers: number;
  /** Guest-physical address of 8 bytes, zero at first, that all vCPUs share. */
  readonly barrier: number;
}

/** Hashes depend on the order of the values. */
export interface StressResult {
  readonly reads: number;
  readonly writes: number;
  readonly readHash: number;
  readonly writeHash: number;
}

/** Writes the block of one vCPU at `gpa` of guest memory that starts at address 0. */
export function writeStressParameters(memory: Uint8Array, gpa: number, parameters: StressParameters): void {
  const view = new DataView(memory.buffer, memory.byteOffset + gpa, LAYOUT.STRESS_SIZE);
  view.setUint32(LAYOUT.STRESS_SEED, parameters.seed, true);
  view.setUint32(LAYOUT.STRESS_COUNT, parameters.count, true);
  view.setUint32(LAYOUT.STRESS_VCPU, parameters.vcpu, true);
  view.setUint32(LAYOUT.STRESS_VCPUS, parameters.vcpus, true);
  view.setUint32(LAYOUT.STRESS_REGIONS, parameters.bases.length, true);
  view.setUint32(LAYOUT.STRESS_REGISTERS, parameters.registers, true);
  view.setUint32(LAYOUT.STRESS_BARRIER, parameters.barrier, true);
  for (const [index, base] of parameters.bases.entries()) {
    view.setUint32(LAYOUT.STRESS_BASES + 4 * index, base, true);
  }
}

export function readStressResult(memory: Uint8Array, gpa: number): StressResult {
  const view = new DataView(memory.buffer, memory.byteOffset + gpa, LAYOUT.STRESS_SIZE);
  return {
    reads: view.getUint32(LAYOUT.STRESS_READS, true),
    writes: view.getUint32(LAYOUT.STRESS_WRITES, true),
    readHash: view.getUint32(LAYOUT.STRESS_READ_HASH, true),
    writeHash: view.getUint32(LAYOUT.STRESS_WRITE_HASH, true),
  };
}

/** A hash of values in their order, 32 bits; starts at 0. Devices keep it for what they see. */
export function hashStep(hash: number, value: number): number {
  return (((hash << 5) | 0) + (hash >>> 27) + value) >>> 0;
}

/** What one vCPU does with registers that are zero at first and that nobody else writes. */
export function modelStress(parameters: StressParameters): StressResult {
  const registers = new Uint32Array(parameters.bases.length * parameters.registers);
  const result = { reads: 0, writes: 0, readHash: 0, writeHash: 0 };
  let random = parameters.seed;
  for (let left = parameters.count; left > 0; left--) {
    random = xorshift32(random);
    const region = (random >>> 1) & (parameters.bases.length - 1);
    const index = region * parameters.registers + ((random >>> 8) & (parameters.registers - 1));
    if (random & 1) {
      registers[index] = random;
      result.writeHash = hashStep(result.writeHash, random);
      result.writes++;
    } else {
      result.readHash = hashStep(result.readHash, registers[index]!);
      result.reads++;
    }
  }
  return result;
}

function xorshift32(state: number): number {
  let x = state;
  x ^= x << 13;
  x ^= x >>> 17;
  x ^= x << 5;
  return x >>> 0;
}
