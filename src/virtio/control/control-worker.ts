/** Entry of a data-plane Worker: loads the device, then does what the transport asks. */
import { loadDevice, NO_CONTEXT } from '../../ioregion/server/device-module.js';
import { GuestMemory } from '../../memory/index.js';
import { setAffinity } from '../../native/index.js';
import type { VirtioDevice } from '../device.js';
import { QueueFigures } from '../runner/index.js';
import { LocalControl } from './local-control.js';
import type { DeviceLog } from './log.js';
import { serveControl } from './serve-control.js';
import type { ControlWorkerData } from './worker-messages.js';

async function open(data: ControlWorkerData, log: DeviceLog): Promise<LocalControl> {
  if (data.cpus !== null) setAffinity(data.cpus);
  const memory = GuestMemory.fromShared(data.memory);
  process.on('exit', () => memory.close());
  const device = await loadDevice<VirtioDevice>(data.device, { ...NO_CONTEXT, fds: data.fds });
  const features = data.ringFeatures === null ? {} : { ringFeatures: data.ringFeatures };
  const figures = data.figures === null ? {} : { figures: openFigures(data.figures, device) };
  return new LocalControl({ device, memory, log, ...features, ...figures });
}

function openFigures(file: number, { queueSizes }: VirtioDevice): QueueFigures {
  const figures = QueueFigures.open(file, queueSizes.length);
  process.on('exit', () => figures.close());
  return figures;
}

void serveControl(open);
