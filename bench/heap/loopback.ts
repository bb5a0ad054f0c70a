/** A loopback caller on this thread, and a region server on a Worker. */
import { LoopbackDispatcher, serveOnThread } from '../../src/ioregion/index.js';
import { HeapMeter } from './heap-meter.js';
import { type Measurement, meterServer, WARM_UP } from './measurement.js';
import { REGION, Register } from './metered-device.js';

const DEVICE = { module: new URL('./metered-device.js', import.meta.url).href };

export async function measureLoopback(accesses: number): Promise<Measurement[]> {
  const dispatcher = new LoopbackDispatcher();
  const served = await serveOnThread(dispatcher, { space: 'mmio', ...REGION }, DEVICE);
  const caller = dispatcher.createCaller();
  const access = (count: number) => {
    for (let left = count; left > 0; left -= 2) {
      caller.write('mmio', REGION.gpa + Register.data, 4, left);
      caller.read('mmio', REGION.gpa + Register.data, 4);
    }
  };
  access(WARM_UP);
  const meter = new HeapMeter();
  meter.begin();
  const server = meterServer(caller, () => access(accesses));
  const own = meter.end();
  caller.close();
  await served.close();
  dispatcher.close();
  return [
    { path: 'loopback-thread', thread: 'caller', use: own, accesses },
    { path: 'loopback-thread', thread: 'region server', use: server, accesses },
  ];
}
