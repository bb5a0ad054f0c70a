/** Collects the slots of one row. */
import { Float64Histogram } from 'hdr-histogram-js';
import type { Slot } from './path-runner.js';
import { median } from './statistics.js';

/** The most that a 32-bit sample can say, so that none is clipped. */
const HIGHEST_NS = 2 ** 32;
const SIGNIFICANT_DIGITS = 3;

export class RowRecorder {
  /** All samples of all slots, in ns, to 3 significant digits. */
  readonly histogram = new Float64Histogram(1, HIGHEST_NS, SIGNIFICANT_DIGITS);
  /** Exact median of each slot, in ns, in order. */
  readonly slotMedians: number[] = [];
  /** Accesses per second in each slot, in order. */
  readonly slotRates: number[] = [];
  readonly #floors: number[] = [];

  add(slot: Slot): void {
    for (const sample of slot.samples) this.histogram.recordValue(sample);
    this.slotMedians.push(median(slot.samples));
    this.slotRates.push((slot.accesses * 1e9) / slot.elapsedNs);
    this.#floors.push(slot.floorNs);
  }

  get count(): number {
    return this.histogram.totalCount;
  }

  /** Median over the slots of each slot's exact median, in ns: one disturbed slot does not move it. */
  get p50(): number {
    return median(this.slotMedians);
  }

  /** Median over the slots of accesses per second. */
  get throughput(): number {
    return median(this.slotRates);
  }

  /** Median over the slots of the latency of no access at all, in ns. */
  get floor(): number {
    return median(this.#floors);
  }

  percentile(percent: number): number {
    return this.histogram.getValueAtPercentile(percent);
  }
}
