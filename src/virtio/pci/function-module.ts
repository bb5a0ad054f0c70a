/**
 * Any virtio device as a PCI function, on a thread, in another process, or on a vCPU's Worker: the module to name as the device
 * of the function's regions, with FunctionModuleOptions.
 */
import type { DeviceContext } from '../../ioregion/device.js';
import { loadDevice } from '../../ioregion/server/device-module.js';
import { GuestMemory, type SharedMemory } from '../../memory/index.js';
import { type DeviceControl, HandOverControl, LocalControl, stderrLog, WorkerControl } from '../control/index.js';
import type { VirtioDevice } from '../device.js';
import { UnknownFdError } from './errors.js';
import { VirtioPciFunction } from './function.js';
import type { FunctionModuleOptions, FunctionPlacement } from './function-options.js';
import { openNotifiers, openSink, type ResolveFd } from './function-wiring.js';
import { regionFactory } from './region-factory.js';

export default regionFactory(createFunction);

/** @throws DeviceLoadError, DeviceWorkerError, SharedMemoryError, PciFunctionError, UnknownFdError */
export async function createFunction(
  options: FunctionModuleOptions,
  context: DeviceContext,
): Promise<VirtioPciFunction> {
  return functionOver(await openControl(options, context), options, context);
}

/** The same over a control that is there already. @throws PciFunctionError, UnknownFdError */
export function functionOver(
  control: DeviceControl,
  options: FunctionPlacement & {
    /** The queues run outside this process, which gets their kicks: host notifiers are handed over. Default false. */
    readonly queuesOutside?: boolean;
  },
  context: DeviceContext,
): VirtioPciFunction {
  const resolve = fdResolver(context);
  const { interrupts, kicks, bars = {}, queuesOutside = false } = options;
  const queues = control.description.queueSizes.length;
  const notifiers = kicks === undefined ? null : openNotifiers(kicks, queues, resolve);
  const pciFunction = new VirtioPciFunction({
    ...options.function,
    control: queuesOutside && notifiers !== null ? new HandOverControl(control, notifiers) : control,
    sink: openSink(interrupts, resolve),
    notifiers,
  });
  for (const [bar, address] of Object.entries(bars)) pciFunction.place(Number(bar), address);
  return pciFunction;
}

/** References become numbers. @throws UnknownFdError */
export function sharedMemoryOf(memory: FunctionPlacement['memory'], context: DeviceContext): SharedMemory {
  return { fds: memory.fds.map(fdResolver(context)), regions: [...memory.regions] };
}

function fdResolver({ fds }: DeviceContext): ResolveFd {
  return (fd) => {
    const number = typeof fd === 'number' ? fd : fds[fd];
    if (number === undefined) throw new UnknownFdError(String(fd));
    return number;
  };
}

async function openControl(options: FunctionModuleOptions, context: DeviceContext): Promise<DeviceControl> {
  const { device, dataPlane = 'worker' } = options;
  const memory = sharedMemoryOf(options.memory, context);
  const features = options.ringFeatures === undefined ? {} : { ringFeatures: BigInt(options.ringFeatures) };
  if (dataPlane === 'worker') {
    const log = options.log === undefined ? {} : { log: options.log };
    const cpus = options.cpus === undefined ? {} : { cpus: options.cpus };
    const figures = options.figures === undefined ? {} : { figures: fdResolver(context)(options.figures) };
    return await WorkerControl.start({ ...features, ...log, ...cpus, ...figures, device, memory, fds: context.fds });
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
