/** Entry of a Worker that has the connection to a backend: it hears of calls, and sends what the transport asks for. */
import { GuestMemory, type SharedMemory } from '../../memory/index.js';
import { type DeviceLog, serveControl } from '../../virtio/index.js';
import type { BackendOptions } from './control-options.js';
import { VhostUserControl } from './vhost-user-control.js';

interface VhostUserWorkerData {
  readonly backend: BackendOptions;
  readonly memory: SharedMemory;
}

async function open({ backend, memory }: VhostUserWorkerData, log: DeviceLog): Promise<VhostUserControl> {
  const guest = GuestMemory.fromShared(memory);
  process.on('exit', () => guest.close());
  return await VhostUserControl.connect({ ...backend, memory: guest, log });
}

void serveControl(open);
