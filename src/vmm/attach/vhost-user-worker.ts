/** Entry of the Worker that speaks vhost-user for a device of the machine. */
import { GuestMemory, type SharedMemory } from '../../memory/index.js';
import { type BackendOptions, VhostUserControl } from '../../vhost-user/index.js';
import { type DeviceLog, serveControl } from '../../virtio/control/index.js';

export interface VhostUserWorkerData {
  readonly backend: BackendOptions;
  readonly memory: SharedMemory;
}

async function open({ backend, memory: shared }: VhostUserWorkerData, log: DeviceLog): Promise<VhostUserControl> {
  const memory = GuestMemory.fromShared(shared);
  process.on('exit', () => memory.close());
  return await VhostUserControl.connect({ ...backend, memory, log });
}

await serveControl(open);
