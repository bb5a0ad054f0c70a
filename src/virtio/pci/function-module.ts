/**
 * Any virtio device as a PCI function, on a thread, in another process, or on a vCPU's Worker: the module to name as the device
 * of the function's regions, with FunctionModuleOptions.
 */
import type { MessagePort } from 'node:worker_threads';
import type { DeviceContext } from '../../ioregion/device.js';
import { loadDevice } from '../../ioregion/server/device-module.js';
import { GuestMemory, type SharedMemory } from '../../memory/index.js';
import {
  type DeviceControl,
  HandOverControl,
  mapStarting,
  type Starting,
  stderrLog,
  WorkerControl,
} from '../control/index.js';
import type { VirtioDevice } from '../device.js';
import type { ConfigSpace } from './config-space.js';
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

/** For a function whose driver does not wait for its device. */
export interface LateStart {
  /** Is told what came of it (a StartReply). */
  readonly arrival: MessagePort;
  /** What the driver has of the function meanwhile, with its BARs where they are. Default: nothing. */
  readonly config: (() => ConfigSpace) | undefined;
}

/** The same without waiting for the device, which has a Worker. @throws SharedMemoryError, UnknownFdError */
export function beginFunction(
  options: FunctionModuleOptions,
  context: DeviceContext,
  late?: LateStart,
): Starting<VirtioPciFunction> {
  const starting = beginControl(options, context, late?.arrival);
  return mapStarting(starting, (control) => functionOver(control, { ...options, config: late?.config?.() }, context));
}

/** The same over a control that is there already. @throws PciFunctionError, UnknownFdError */
export function functionOver(
  control: DeviceControl,
  options: FunctionPlacement & {
    /** The queues run outside this process, which gets their kicks: host notifiers are handed over. Default false. */
    readonly queuesOutside?: boolean;
    /** The driver has it already, with its BARs where they are. */
    readonly config?: ConfigSpace | undefined;
  },
  context: DeviceContext,
): VirtioPciFunction {
  const resolve = fdResolver(context);
  const { interrupts, kicks, bars = {}, queuesOutside = false, config } = options;
  const queues = control.description.queueSizes.length;
  const notifiers = kicks === undefined ? null : openNotifiers(kicks, queues, resolve);
  const pciFunction = new VirtioPciFunction({
    ...options.function,
    control: queuesOutside && notifiers !== null ? new HandOverControl(control, notifiers) : control,
    sink: openSink(interrupts, resolve),
    notifiers,
    ...(config === undefined ? {} : { configSpace: config }),
  });
  if (config === undefined) for (const [bar, address] of Object.entries(bars)) pciFunction.place(Number(bar), address);
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
  if (dataPlane === 'worker') return await beginControl(options, context).ready();
  const memory = sharedMemoryOf(options.memory, context);
  const log = options.log === undefined ? {} : { log: stderrLog() };
  const loaded = await loadDevice<VirtioDevice>(device, context);
  // Rings are looked at on the threads of devices, as a rule: others need not load what does.
  const { LocalControl } = await import('../control/local-control.js');
  return new LocalControl({
    ...ringFeatures(options),
    ...log,
    device: loaded,
    memory: GuestMemory.fromShared(memory),
    blocking: true,
  });
}

function beginControl(
  options: FunctionModuleOptions,
  context: DeviceContext,
  arrival?: MessagePort,
): Starting<WorkerControl> {
  const { device, log, cpus, figures } = options;
  const memory = sharedMemoryOf(options.memory, context);
  return WorkerControl.begin({
    ...ringFeatures(options),
    ...(log === undefined ? {} : { log }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(figures === undefined ? {} : { figures: fdResolver(context)(figures) }),
    ...(arrival === undefined ? {} : { arrival }),
    device,
    memory,
    fds: context.fds,
  });
}

function ringFeatures({ ringFeatures }: FunctionModuleOptions): { readonly ringFeatures?: bigint } {
  return ringFeatures === undefined ? {} : { ringFeatures: BigInt(ringFeatures) };
}
