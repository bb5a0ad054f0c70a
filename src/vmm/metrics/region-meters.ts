/** How often the guest accessed each part of its machine, and how long that took: one writer, readers on other threads. */
/* Imported, so that it is loaded with this module: the global one is loaded when it is first used, by the guest's first access. */
import { performance } from 'node:perf_hooks';
import type { RegisterDevice } from '../../ioregion/device.js';
import { bucketOf, LATENCY_BUCKETS, type LatencyFigures, latencyFigures } from './latency-buckets.js';

export interface RegionFigures {
  readonly reads: number;
  readonly writes: number;
  /** Of reads and writes together, in the device (and on the way to it, where it is elsewhere); null: not timed. */
  readonly latency: LatencyFigures | null;
}

/** Plain data, for Workers. */
export interface SharedMeters {
  readonly names: readonly string[];
  /** PER_NAME numbers a name. */
  readonly words: SharedArrayBuffer;
}

const Word = { reads: 0, writes: 1, totalNs: 2, buckets: 3 } as const;
const PER_NAME = Word.buckets + LATENCY_BUCKETS;
const NS_PER_MS = 1e6;

export function createMeters(names: readonly string[]): SharedMeters {
  return { names, words: new SharedArrayBuffer(names.length * PER_NAME * Float64Array.BYTES_PER_ELEMENT) };
}

/** By name, those that were accessed. */
export function readMeters({ names, words }: SharedMeters): Record<string, RegionFigures> {
  const values = new Float64Array(words);
  const entries = names.map((name, index) => {
    const own = values.subarray(index * PER_NAME, (index + 1) * PER_NAME);
    const [reads, writes, totalNs] = [own[Word.reads]!, own[Word.writes]!, own[Word.totalNs]!];
    return [name, { reads, writes, latency: latencyFigures(own.subarray(Word.buckets), totalNs) }] as const;
  });
  return Object.fromEntries(entries.filter(([, { reads, writes }]) => reads + writes > 0));
}

/** The device, with its accesses counted and timed under a name of the list. */
export function metered(shared: SharedMeters, name: string, device: RegisterDevice): RegisterDevice {
  return new MeteredDevice(new Float64Array(shared.words), shared.names.indexOf(name) * PER_NAME, device);
}

/** The device, with its accesses counted, not timed: for a range whose parts are timed each. */
export function tallied(shared: SharedMeters, name: string, device: RegisterDevice): RegisterDevice {
  const values = new Float64Array(shared.words);
  const at = shared.names.indexOf(name) * PER_NAME;
  return {
    read: (offset, size) => {
      values[at + Word.reads]! += 1;
      return device.read(offset, size);
    },
    write: (offset, size, value) => {
      values[at + Word.writes]! += 1;
      device.write(offset, size, value);
    },
    close: () => device.close?.(),
  };
}

class MeteredDevice implements RegisterDevice {
  readonly #values: Float64Array;
  readonly #at: number;
  readonly #device: RegisterDevice;

  constructor(values: Float64Array, at: number, device: RegisterDevice) {
    this.#values = values;
    this.#at = at;
    this.#device = device;
  }

  read(offset: number, size: number): number {
    const began = performance.now();
    const value = this.#device.read(offset, size);
    this.#count(Word.reads, (performance.now() - began) * NS_PER_MS);
    return value;
  }

  write(offset: number, size: number, value: number): void {
    const began = performance.now();
    this.#device.write(offset, size, value);
    this.#count(Word.writes, (performance.now() - began) * NS_PER_MS);
  }

  close(): void | Promise<void> {
    return this.#device.close?.();
  }

  #count(word: number, ns: number): void {
    const values = this.#values;
    const at = this.#at;
    values[at + word]! += 1;
    values[at + Word.totalNs]! += ns;
    values[at + Word.buckets + bucketOf(ns)]! += 1;
  }
}
