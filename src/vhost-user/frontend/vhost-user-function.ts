/**
 * A device behind a backend as a PCI function, on a thread, in another process, or on a vCPU's Worker: the module to name as
 * the device of the function's regions, with VhostUserFunctionOptions.
 */
import type { MessagePort } from 'node:worker_threads';
import type { DeviceContext } from '../../ioregion/device.js';
import {
  type FunctionPlacement,
  functionOver,
  mapStarting,
  regionFactory,
  type Starting,
  sharedMemoryOf,
  type VirtioPciFunction,
} from '../../virtio/index.js';
import type { BackendOptions } from './control-options.js';
import { beginVhostUserWorker } from './vhost-user-worker-control.js';

export interface VhostUserFunctionOptions extends FunctionPlacement {
  readonly backend: BackendOptions;
}

export default regionFactory(createVhostUserFunction);

/** @throws DeviceWorkerError, PciFunctionError, UnknownFdError */
export async function createVhostUserFunction(
  options: VhostUserFunctionOptions,
  context: DeviceContext,
): Promise<VirtioPciFunction> {
  return await beginVhostUserFunction(options, context).ready();
}

/** The same without waiting for the backend: `arrival` is told what came of it (a StartReply). @throws UnknownFdError */
export function beginVhostUserFunction(
  options: VhostUserFunctionOptions,
  context: DeviceContext,
  arrival?: MessagePort,
): Starting<VirtioPciFunction> {
  const { backend, log } = options;
  const starting = beginVhostUserWorker(backend, sharedMemoryOf(options.memory, context), { log, arrival });
  return mapStarting(starting, (control) => functionOver(control, { ...options, queuesOutside: true }, context));
}
