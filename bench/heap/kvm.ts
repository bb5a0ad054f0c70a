/** The bench guest on a vCPU of this thread: its accesses answered here, or by a region server on a Worker. */
import { readFileSync } from 'node:fs';
import { buildGuest, LAYOUT, writeBenchParameters } from '../../guests/index.js';
import { LoopbackDispatcher, RegisterBus, serveOnThread } from '../../src/ioregion/index.js';
import { type BenchMachine, openBenchMachine } from '../mmio/paths/bench-machine.js';
import { HeapMeter, type HeapUse } from './heap-meter.js';
import { type Measurement, meterServer, WARM_UP } from './measurement.js';
import createMeteredDevice, { REGION, Register } from './metered-device.js';

const PARAMETERS = 0x20000;
const SAMPLES = 0x30000;
/** Accesses of one run of the guest: their samples fit in its memory. */
const BATCH = 100_000;
const DEVICE = { module: new URL('./metered-device.js', import.meta.url).href };

/** Reads `count` times in batches. The guest starts over each time. */
function read({ core, memory }: BenchMachine, count: number): void {
  for (let left = count; left > 0; left -= BATCH) {
    const address = REGION.gpa + Register.data;
    const batch = Math.min(left, BATCH);
    writeBenchParameters(memory, PARAMETERS, { kind: 'mmio-read', width: 4, address, count: batch, samples: SAMPLES });
    const stop = core.run();
    if (stop.type !== 'kvm' || stop.exit.reason !== 'KVM_EXIT_IO' || stop.exit.port !== LAYOUT.GUEST_EXIT_PORT) {
      throw new Error(`the guest stopped: ${stop.type === 'kvm' ? stop.exit.reason : stop.type}`);
    }
  }
}

async function open(dispatcher: LoopbackDispatcher): Promise<BenchMachine> {
  const image = readFileSync(await buildGuest('bench', 'protected'));
  return openBenchMachine({ image, parameters: PARAMETERS, dispatcher: dispatcher.object });
}

function metered(body: () => void): HeapUse {
  const meter = new HeapMeter();
  meter.begin();
  body();
  return meter.end();
}

export async function measureExitInline(accesses: number): Promise<Measurement[]> {
  const dispatcher = new LoopbackDispatcher();
  const machine = await open(dispatcher);
  const place = { space: 'mmio', address: REGION.gpa, size: REGION.size, device: createMeteredDevice() } as const;
  machine.core.handler = new RegisterBus([place]);
  read(machine, WARM_UP);
  const use = metered(() => read(machine, accesses));
  machine.close();
  dispatcher.close();
  return [{ path: 'exit-inline', thread: 'vCPU', use, accesses }];
}

export async function measureIoregionfd(accesses: number): Promise<Measurement[]> {
  const dispatcher = new LoopbackDispatcher(); /* its caller reads the meter */
  const served = await serveOnThread(dispatcher, { space: 'mmio', ...REGION }, DEVICE);
  const machine = await open(dispatcher);
  const caller = dispatcher.createCaller();
  read(machine, WARM_UP);
  let server: HeapUse = { allocated: 0, grown: 0 };
  const use = metered(() => {
    server = meterServer(caller, () => read(machine, accesses));
  });
  caller.close();
  machine.close();
  await served.close();
  dispatcher.close();
  return [
    { path: 'ioregionfd-thread', thread: 'vCPU', use, accesses },
    { path: 'ioregionfd-thread', thread: 'region server', use: server, accesses },
  ];
}
