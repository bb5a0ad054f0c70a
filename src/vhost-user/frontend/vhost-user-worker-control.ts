/** A device behind a backend, for transports on threads that never return to their event loop. */
import type { SharedMemory } from '../../memory/index.js';
import { type DeviceLog, type LaunchOptions, type Starting, WorkerControl } from '../../virtio/index.js';
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
  return beginVhostUserWorker(backend, memory, { log }).ready();
}

/** The same without waiting for the backend. */
export function beginVhostUserWorker(
  backend: BackendOptions,
  memory: SharedMemory,
  options: LaunchOptions,
): Starting<WorkerControl> {
  return WorkerControl.launch(new URL('./vhost-user-worker.js', import.meta.url), { backend, memory }, options);
}
