/** loopback-thread and loopback-posted: a caller thread, the loopback dispatcher, a region server thread. */
import { LoopbackDispatcher } from '../../../src/ioregion/index.js';
import { REGION } from '../bench-device.js';
import type { Cleanup } from '../cleanup.js';
import type { PathSetUpOptions } from '../js-runner.js';
import { MeasuringThread } from '../measuring-thread.js';
import { PATH_FACTS } from '../row.js';
import { startDeviceThread } from './device-thread.js';
import type { LoopbackWorkerData } from './loopback-worker.js';

const WORKER = new URL('./loopback-worker.js', import.meta.url);

export async function setUpLoopback(options: PathSetUpOptions, cleanup: Cleanup): Promise<MeasuringThread> {
  const { path, operation, cpus } = options;
  const fd = await startDeviceThread(cpus.device, cleanup);
  const dispatcher = cleanup.use(new LoopbackDispatcher());
  const { posted: postedWrites } = PATH_FACTS[path];
  dispatcher.addRegion({ space: 'mmio', ...REGION, readFd: fd, writeFd: fd, postedWrites, trustedPeer: true });
  const data: LoopbackWorkerData = { dispatcherId: dispatcher.id, cpu: cpus.vcpu, operation };
  return cleanup.use(await MeasuringThread.start(WORKER, data));
}
