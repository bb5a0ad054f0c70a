/**
 * A device behind a backend as a PCI function, on a thread, in another process, or on a vCPU's Worker: the module to name as
 * the device of the function's regions, with VhostUserFunctionOptions.
 */
import type { DeviceContext } from '../../ioregion/device.js';
import {
  type FunctionPlacement,
  functionOver,
  regionFactory,
  sharedMemoryOf,
  type VirtioPciFunction,
} from '../../virtio/index.js';
import type { BackendOptions } from './control-options.js';
import { startVhostUserWorker } from './vhost-user-worker-control.js';

export interface VhostUserFunctionOptions extends FunctionPlacement {
  readonly backend: BackendOptions;
}

export default regionFactory(createVhostUserFunction);

/** @throws DeviceWorkerError, PciFunctionError, UnknownFdError */
export async function createVhostUserFunction(
  options: VhostUserFunctionOptions,
  context: DeviceContext,
): Promise<VirtioPciFunction> {
  const control = await startVhostUserWorker(options.backend, sharedMemoryOf(options.memory, context), options.log);
  return functionOver(control, { ...options, queuesOutside: true }, context);
}
