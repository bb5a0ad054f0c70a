import { RegionServerThread } from '../../../src/ioregion/index.js';
import { socketpair } from '../../../src/native/index.js';
import { IrqfdVectors } from '../../../src/virtio/interrupt/index.js';
import { DispatchedBus } from './dispatched-bus.js';
import { type Attach, describeFunction, PIN_GSI } from './placement.js';

const MODULE = new URL('./bus-module.js', import.meta.url).href;

/** On a region server's thread. */
export const attachThread: Attach = async ({ vm, memory, routes }, description) => {
  const irqfds = new IrqfdVectors(vm.interrupts, routes, description.vectors);
  const pin = description.hasPin ? { pinGsi: PIN_GSI } : {};
  const eventfds = irqfds.eventfds.map((eventfd) => eventfd.number);
  const options = describeFunction(description, {
    memory: memory.share(),
    interrupts: { kind: 'irqfds', eventfds, routes: routes.share(), firstGsi: irqfds.firstGsi, ...pin },
    kicks: { kind: 'kvm', vm: vm.fd.number },
  });
  const bus = new DispatchedBus(description);
  const [vmmEnd, deviceEnd] = socketpair('seqpacket');
  const regions = bus.regions.map(({ name }, userData) => ({ name, userData, device: { module: MODULE, options } }));
  const server = await RegionServerThread.start({ readFd: deviceEnd, writeFd: deviceEnd, regions });
  bus.connect({ readFd: vmmEnd, writeFd: vmmEnd });
  const close = async () => {
    bus.dispatcher.close();
    await server.close();
    irqfds.close();
    vmmEnd.close();
    deviceEnd.close();
  };
  return { vcpu: { dispatcher: bus.dispatcher }, placed: (bars) => bus.placed(bars), close };
};
