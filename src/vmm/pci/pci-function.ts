/** What a PCI bus needs of a function, wherever its registers are served. */
import type { RegisterDevice } from '../../ioregion/device.js';

/** A part of a BAR. */
export interface BarRegion {
  /** Number of the BAR's first register. */
  readonly bar: number;
  readonly space: 'mmio' | 'pio';
  /** Bytes from the start of the BAR. */
  readonly offset: number;
  readonly size: number;
  readonly device: RegisterDevice;
}

export interface PciFunction {
  /** Configuration space: 256 bytes. */
  readonly config: RegisterDevice;
  readonly regions: readonly BarRegion[];
  /**
   * Addresses that firmware has given to BARs, by number: where they are decoded until the guest first writes to one of the registers
   * that say so, without asking a function that may not be there yet. Default: configuration space is asked.
   */
  readonly firmware?: Readonly<Record<number, number>>;
  /** Ends the device, where it is one of this thread. */
  close?(): Promise<void>;
}
