/** The same bus on a vCPU's own Worker, where BARs are decoded as soon as the guest has written them. */
import { RegisterBus } from '../../../src/ioregion/index.js';
import type { ExitHandler } from '../../../src/kvm/index.js';
import { createFunction, type FunctionModuleOptions } from '../../../src/virtio/pci/index.js';
import { busOf, PORTS_REGION } from './pci-bus.js';
import { MEMORY_WINDOW, PORT_WINDOW } from './placement.js';

export default async function createInlineBus(options: FunctionModuleOptions): Promise<ExitHandler> {
  const { bus, ports } = busOf(await createFunction(options, { fds: {}, shared: null, region: '' }));
  const windows = [MEMORY_WINDOW, PORT_WINDOW].map((window) => ({
    ...window,
    device: bus.window(window.space, window.address),
  }));
  return new RegisterBus([{ ...PORTS_REGION, address: PORTS_REGION.gpa, device: ports }, ...windows]);
}
