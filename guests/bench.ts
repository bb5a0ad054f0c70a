/** The parameter block and the samples of the bench guest. */
import { LAYOUT } from './layout.js';

/** `none` times no access: what a sample of the others contains besides the access. Reading memory uses `mmio-read`. */
export type BenchKind = 'mmio-read' | 'mmio-write' | 'pio-read' | 'pio-write' | 'none';

const KINDS: Readonly<Record<BenchKind, number>> = {
  'mmio-read': LAYOUT.BENCH_KIND_READ,
  'mmio-write': LAYOUT.BENCH_KIND_WRITE,
  'pio-read': LAYOUT.BENCH_KIND_PIO_READ,
  'pio-write': LAYOUT.BENCH_KIND_PIO_WRITE,
  none: LAYOUT.BENCH_KIND_NONE,
};

export interface BenchParameters {
  readonly kind: BenchKind;
  /** Bytes; ports have no 8. */
  readonly width: 1 | 2 | 4 | 8;
  /** Guest-physical, below 4 GiB. Port accesses ignore it: their port is LAYOUT.BENCH_PORT. */
  readonly address: number;
  /** Accesses; writes carry this number down to 1. */
  readonly count: number;
  /** Guest-physical address of `count` 32-bit samples, in cycles of the time-stamp counter. */
  readonly samples: number;
}

/** Writes the block at `gpa` of guest memory that starts at address 0. */
export function writeBenchParameters(memory: Uint8Array, gpa: number, parameters: BenchParameters): void {
  const view = new DataView(memory.buffer, memory.byteOffset + gpa, LAYOUT.BENCH_SIZE);
  view.setUint32(LAYOUT.BENCH_KIND, KINDS[parameters.kind], true);
  view.setUint32(LAYOUT.BENCH_WIDTH, parameters.width, true);
  view.setUint32(LAYOUT.BENCH_ADDRESS, parameters.address, true);
  view.setUint32(LAYOUT.BENCH_COUNT, parameters.count, true);
  view.setUint32(LAYOUT.BENCH_SAMPLES, parameters.samples, true);
}

/** Sum of the values that the last batch read from memory, modulo 2^(8 * min(width, 4)) for a sum of that width. */
export function readBenchCheck(memory: Uint8Array, gpa: number): number {
  return new DataView(memory.buffer, memory.byteOffset + gpa).getUint32(LAYOUT.BENCH_CHECK, true);
}

/** Appends the samples at `gpa` to `out` from `index`, in ns; returns the next index. */
export function convertSamples(
  memory: Uint8Array,
  gpa: number,
  count: number,
  tscKhz: number,
  out: Uint32Array,
  index: number,
): number {
  const cycles = new Uint32Array(memory.buffer, memory.byteOffset + gpa, count);
  const nsPerCycle = 1e6 / tscKhz;
  for (let i = 0; i < count; i++) out[index + i] = cycles[i]! * nsPerCycle;
  return index + count;
}
