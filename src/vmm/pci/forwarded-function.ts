/** A function whose registers are served by another thread or process: accesses go to regions of a dispatcher. */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { FailureReason } from '../../ioregion/dispatcher/failure.js';
import { type LoopbackCaller, openLoopbackCaller } from '../../ioregion/dispatcher/loopback.js';
import type { BarRegion, PciFunction } from './pci-function.js';

/** Plain data. The addresses are those of the dispatcher's regions, which stay where they are when a BAR moves. */
export interface ForwardedFunction {
  /** `NativeDispatcher.id`. */
  readonly dispatcher: number;
  readonly config: number;
  /** As in PciFunction: whoever serves the function may not be there yet. */
  readonly firmware: Readonly<Record<number, number>>;
  readonly regions: readonly (Omit<BarRegion, 'device'> & { readonly address: number })[];
}

class ForwardedDevice implements RegisterDevice {
  readonly #caller: LoopbackCaller;
  readonly #address: number;

  constructor(caller: LoopbackCaller, address: number) {
    this.#caller = caller;
    this.#address = address;
  }

  read(offset: number, size: number): number {
    return this.#caller.read('mmio', this.#address + offset, size);
  }

  write(offset: number, size: number, value: number): void {
    this.#caller.write('mmio', this.#address + offset, size, value);
  }
}

/** On the thread of the bus. `onLost`: nobody answers any more, all registers read as all ones from here on; said once. */
export function openForwardedFunction(
  { dispatcher, config, firmware, regions }: ForwardedFunction,
  onLost: (reason: FailureReason) => void,
): PciFunction {
  const caller = openLoopbackCaller(dispatcher);
  caller.onFailure = ({ reason }) => {
    onLost(reason);
    return 'all-ones';
  };
  return {
    config: new ForwardedDevice(caller, config),
    firmware,
    regions: regions.map((region) => ({ ...region, device: new ForwardedDevice(caller, region.address) })),
    close: async () => caller.close(),
  };
}
