/** The same bus on a vCPU's own Worker, where BARs are decoded as soon as the guest has written them. */
import { type PlacedDevice, RegisterBus } from '../../../src/ioregion/index.js';
import type { ExitHandler, IoExit, MmioExit } from '../../../src/kvm/index.js';
import {
  CONFIG_PORTS,
  ConfigPorts,
  createFunction,
  type FunctionModuleOptions,
  type VirtioPciFunction,
} from '../../../src/virtio/pci/index.js';
import { SLOT } from './bus-module.js';

class InlineBus implements ExitHandler {
  readonly #function: VirtioPciFunction;
  readonly #ports: PlacedDevice;
  #bus: RegisterBus;

  constructor(pciFunction: VirtioPciFunction) {
    this.#function = pciFunction;
    this.#ports = { ...CONFIG_PORTS, device: new ConfigPorts(new Map([[SLOT, pciFunction.config]])) };
    this.#bus = this.#decode();
  }

  mmio(exit: MmioExit): boolean {
    return this.#bus.mmio(exit);
  }

  io(exit: IoExit): boolean {
    const { port, isWrite } = exit;
    const done = this.#bus.io(exit);
    if (isWrite && port >= CONFIG_PORTS.address && port < CONFIG_PORTS.address + CONFIG_PORTS.size) {
      this.#bus = this.#decode();
    }
    return done;
  }

  #decode(): RegisterBus {
    const parts = this.#function.regions.flatMap((region) => {
      const base = this.#function.address(region.bar);
      return base === null ? [] : [{ ...region, address: base + region.offset }];
    });
    return new RegisterBus([this.#ports, ...parts]);
  }
}

export default async function createInlineBus(options: FunctionModuleOptions): Promise<ExitHandler> {
  return new InlineBus(await createFunction(options, { fds: {}, shared: null, region: '' }));
}
