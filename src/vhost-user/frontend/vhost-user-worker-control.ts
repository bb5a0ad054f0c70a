/** A device behind a backend, for transports on threads that never return to their event loop. */
import type { SharedMemory } from '../../memory/index.js';
import { type DeviceLog, WorkerControl } from '../../virtio/index.js';
import type { BackendOptions } from './control-options.js';

/**
 * Connects on a Worker of its own; `memory` as for WorkerControl, interrupts leave from the Worker.
 * @throws DeviceWorkerError with the message of what `VhostUserControl.connect` throws
 */
export function startVhostUserWorker(
  backend: BackendOptions,
  memory: SharedMemory,
  log?: DeviceLog | 'stderr',
): Promise<WorkerControl> {
  return WorkerControl.launch(new URL('./vhost-user-worker.js', import.meta.url), { backend, memory }, log);
}
