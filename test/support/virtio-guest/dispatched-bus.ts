/** The bus behind one region fd: the configuration ports from the start, the BARs where the guest has placed them. */
import { NativeDispatcher, type RegionOptions } from '../../../src/ioregion/index.js';
import { PORTS_REGION } from './pci-bus.js';
import type { FunctionDescription, PlacedBar } from './placement.js';

/** A device that does not answer at all ends the test. */
const DEADLINE_MS = 20_000;

type Channel = Pick<RegionOptions, 'readFd' | 'writeFd'>;

export class DispatchedBus {
  readonly dispatcher = new NativeDispatcher();
  /** The regions to serve, in the order of their `userData`. */
  readonly regions: readonly { readonly name: string; readonly space: 'mmio' | 'pio'; readonly size: number }[];
  readonly #description: FunctionDescription;
  #channel: Channel | null = null;

  constructor(description: FunctionDescription) {
    this.#description = description;
    this.regions = [PORTS_REGION, ...description.places];
  }

  connect(channel: Channel): void {
    this.#channel = channel;
    this.#add(PORTS_REGION, 0);
  }

  placed(bars: readonly PlacedBar[]): void {
    for (const [index, { bar, offset, ...place }] of this.#description.places.entries()) {
      const base = bars.find((one) => one.bar === bar);
      if (base === undefined) throw new Error(`the guest has left BAR ${bar} where it was`);
      this.#add({ ...place, gpa: base.address + offset }, index + 1);
    }
  }

  #add(region: Omit<RegionOptions, keyof Channel> & { readonly name?: string }, userData: number): void {
    const { name: _, ...place } = region;
    this.dispatcher.addRegion({ ...place, ...this.#channel!, userData, deadlineMs: DEADLINE_MS });
  }
}
