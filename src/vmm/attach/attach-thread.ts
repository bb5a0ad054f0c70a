/** A function on a region server's thread of this process. */
import { RegionServerThread, type RegionServerThreadOptions } from '../../ioregion/index.js';
import { socketpair } from '../../native/index.js';
import { IrqfdVectors } from '../../virtio/interrupt/index.js';
import { FUNCTION_MODULE, type FunctionModuleOptions } from '../../virtio/pci/index.js';
import { DeviceThreadError } from '../errors.js';
import { type AttachContext, type Attachment, commonOptions, vectorsOf } from './attachment.js';
import type { DeviceSpec } from './device-spec.js';
import { dispatchTo, forwarded, remoteRegions, statePort } from './remote-regions.js';

/** `arrived` rejects with DeviceLoadError or ServerWorkerError. @throws KvmIoctlError; nothing is left open then */
export async function attachThread(spec: DeviceSpec, context: AttachContext): Promise<Attachment> {
  const { vm, routes, bars } = context;
  const irqfds = new IrqfdVectors(vm.interrupts, routes, vectorsOf(spec));
  const [here, there] = socketpair('seqpacket');
  const options = describe(spec, context, irqfds);
  const device = { module: FUNCTION_MODULE, options };
  const regions = remoteRegions(spec).map(({ name, userData }) => ({ name, userData, device: { ...device } }));
  const dispatcher = dispatchTo(spec, { readFd: here, writeFd: here }, 0, true);
  here.close();
  const starting = RegionServerThread.start({ readFd: there, writeFd: there, regions, ...threadOptions(spec) });
  /* Accesses that come before wait in the socket; with a thread that does not start it is closed. */
  const arrived = starting.finally(() => there.close());
  let closing = false;
  const gone = (reason: string): void => {
    if (!closing) context.onFailure(new DeviceThreadError(spec.name, reason));
  };
  arrived.then(
    ({ ended }) =>
      ended.then(
        ({ end }) => gone(end.reason),
        (error: Error) => gone(error.message),
      ),
    () => {} /* told by `arrived` */,
  );
  const close = async (): Promise<void> => {
    closing = true;
    dispatcher.close();
    const server = await arrived.catch(() => null);
    await server?.close();
    irqfds.close();
  };
  const slot = { elsewhere: forwarded(spec, dispatcher, bars) };
  return { slot, state: statePort(spec, dispatcher), arrived: arrived.then(() => {}), close };
}

function threadOptions({ cpus, spinNs }: DeviceSpec): Pick<RegionServerThreadOptions, 'cpus' | 'spinNs'> {
  return { ...(cpus === undefined ? {} : { cpus }), ...(spinNs === undefined ? {} : { spinNs }) };
}

function describe(spec: DeviceSpec, context: AttachContext, irqfds: IrqfdVectors): FunctionModuleOptions {
  const { vm, memory, routes, pinGsi } = context;
  const eventfds = irqfds.eventfds.map((eventfd) => eventfd.number);
  const pin = pinGsi === undefined ? {} : { pinGsi };
  return {
    ...commonOptions(spec, context),
    memory: memory.share(),
    interrupts: { kind: 'irqfds', eventfds, routes: routes.share(), firstGsi: irqfds.firstGsi, ...pin },
    kicks: { kind: 'kvm', vm: vm.fd.number },
  };
}
