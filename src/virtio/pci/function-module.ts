/**
 * Any virtio device as a PCI function, on a thread, in another process, or on a vCPU's Worker: the module to name as the device
 * of the function's regions, with FunctionModuleOptions.
 */
import type { DeviceContext } from '../../ioregion/device.js';
import { loadDevice } from '../../ioregion/server/device-module.js';
import { GuestMemory, type SharedMemory } from '../../memory/index.js';
import { type DeviceControl, LocalControl, stderrLog, WorkerControl } from '../control/index.js';
import type { VirtioDevice } from '../device.js';
import { UnknownFdError } from './errors.js';
import { VirtioPciFunction } from './function.js';
import type { FunctionModuleOptions } from './function-options.js';
import { openNotifiers, openSink, type ResolveFd } from './function-wiring.js';
import { regionFactory } from './region-factory.js';

export default regionFactory(createFunction);

/** @throws DeviceLoadError, DeviceWorkerError, SharedMemoryError, PciFunctionError, UnknownFdError */
export async function createFunction(
  options: FunctionModuleOptions,
  context: DeviceContext,
): Promise<VirtioPciFunction> {
  const resolve = fdResolver(context);
  const control = await openControl(options, context, resolve);
  const { interrupts, kicks, bars = {} } = options;
  const queues = control.description.queueSizes.length;
  const pciFunction = new VirtioPciFunction({
    ...options.function,
    control,
    sink: openSink(interrupts, resolve),
    notifiers: kicks === undefined ? null : openNotifiers(kicks, queues, resolve),
  });
  for (const [bar, address] of Object.entries(bars)) pciFunction.place(Number(bar), address);
  return pciFunction;
}

function fdResolver({ fds }: DeviceContext): ResolveFd {
  return (fd) => {
    const number = typeof fd === 'number' ? fd : fds[fd];
    if (number === undefined) throw new UnknownFdError(String(fd));
    return number;
  };
}

async function openControl(
  options: FunctionModuleOptions,
  context: DeviceContext,
  resolve: ResolveFd,
): Promise<DeviceControl> {
  const { device, dataPlane = 'worker' } = options;
  const memory: SharedMemory = { fds: options.memory.fds.map(resolve), regions: [...options.memory.regions] };
  const features = options.ringFeatures === undefined ? {} : { ringFeatures: BigInt(options.ringFeatures) };
  if (dataPlane === 'worker') {
    const log = options.log === undefined ? {} : { log: options.log };
    return await WorkerControl.start({ ...features, ...log, device, memory, fds: context.fds });
  }
  const log = options.log === undefined ? {} : { log: stderrLog() };
  const loaded = await loadDevice<VirtioDevice>(device, context);
  return new LocalControl({
    ...features,
    ...log,
    device: loaded,
    memory: GuestMemory.fromShared(memory),
    blocking: true,
  });
}
