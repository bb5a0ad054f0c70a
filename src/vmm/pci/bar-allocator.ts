/** What firmware does: an address for each BAR, a multiple of its size. */
import { MachineOptionError } from '../errors.js';
import { PCI_MEMORY, PCI_PORTS, type Range } from '../layout.js';

export interface BarSize {
  readonly index: number;
  readonly space: 'mmio' | 'pio';
  /** In bytes, a power of two. */
  readonly size: number;
}

export class BarAllocator {
  readonly #windows: Readonly<Record<BarSize['space'], Range>> = { mmio: PCI_MEMORY, pio: PCI_PORTS };
  readonly #next = { mmio: PCI_MEMORY.start, pio: PCI_PORTS.start };

  /** Addresses by BAR number. @throws MachineOptionError where the window is full */
  place(bars: readonly BarSize[]): Record<number, number> {
    return Object.fromEntries(bars.map((bar) => [bar.index, this.#allocate(bar)]));
  }

  #allocate({ space, size }: BarSize): number {
    const address = Math.ceil(this.#next[space] / size) * size;
    if (address + size > this.#windows[space].end)
      throw new MachineOptionError('there is no room for more PCI devices');
    this.#next[space] = address + size;
    return address;
  }
}
