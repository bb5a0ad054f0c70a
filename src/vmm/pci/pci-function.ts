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
  /** Ends the device, where it is one of this thread. */
  close?(): Promise<void>;
}
