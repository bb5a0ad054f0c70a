/**
 * A server on this thread's event loop with a device that answers at once; the caller is on a Worker. Node allocates an
 * empty object in each turn of its event loop, whatever happens in it: that share is measured alone and taken off.
 */
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { EventLoopServer, LoopbackDispatcher, openLoopbackCaller } from '../../src/ioregion/index.js';
import { EventFd, FdWatch, socketpair } from '../../src/native/index.js';
import { HeapMeter, type HeapUse } from './heap-meter.js';
import { type Measurement, WARM_UP } from './measurement.js';
import createMeteredDevice, { REGION, Register } from './metered-device.js';

const TURNS = 1_000_000;

interface CallerData {
  readonly heapCallerOf: number;
}

export async function measureEventLoop(accesses: number): Promise<Measurement[]> {
  const dispatcher = new LoopbackDispatcher();
  const [vmm, device] = socketpair('seqpacket');
  dispatcher.addRegion({ space: 'mmio', ...REGION, readFd: vmm, writeFd: vmm });
  const server = new EventLoopServer({ readFd: device, writeFd: device, regions: [{ device: createMeteredDevice() }] });
  const data: CallerData = { heapCallerOf: dispatcher.id };
  const worker = new Worker(new URL(import.meta.url), { workerData: data });
  await perform(worker, WARM_UP);
  const { use, turns } = await metered(() => perform(worker, accesses));
  await worker.terminate();
  server.close();
  dispatcher.close();
  vmm.close();
  device.close();
  const idle = await measureTurn();
  const own = { allocated: use.allocated - turns * idle, grown: use.grown };
  const note = `without Node's own ${idle.toFixed(1)} B in each of ${turns} turns of its event loop`;
  return [{ path: 'loopback, event loop', thread: 'region server', use: own, accesses, note }];
}

/** Bytes that a turn of the event loop takes in which nothing but a watched descriptor is ready. */
async function measureTurn(): Promise<number> {
  using ready = EventFd.create();
  ready.signal();
  let left = TURNS;
  const { use, turns } = await metered(
    () =>
      new Promise<void>((resolve) => {
        const watch = new FdWatch(ready, () => {
          if (--left > 0) return;
          watch.close();
          resolve();
        });
      }),
  );
  return use.allocated / turns;
}

async function metered(body: () => Promise<void>): Promise<{ use: HeapUse; turns: number }> {
  const meter = new HeapMeter();
  meter.begin();
  const before = performance.nodeTiming.uvMetricsInfo.loopCount;
  await body();
  const turns = performance.nodeTiming.uvMetricsInfo.loopCount - before;
  return { use: meter.end(), turns };
}

async function perform(worker: Worker, count: number): Promise<void> {
  worker.postMessage(count);
  await once(worker, 'message');
}

function serveCalls({ heapCallerOf }: CallerData): void {
  const caller = openLoopbackCaller(heapCallerOf);
  parentPort!.on('message', (count: number) => {
    for (let left = count; left > 0; left -= 2) {
      caller.write('mmio', REGION.gpa + Register.data, 4, left);
      caller.read('mmio', REGION.gpa + Register.data, 4);
    }
    parentPort!.postMessage(null);
  });
}

if ((workerData as Partial<CallerData> | null)?.heapCallerOf !== undefined) serveCalls(workerData as CallerData);
