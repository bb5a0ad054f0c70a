/** The virtio device of examples/, unchanged, wherever a device can be. Under a real guest: test/kvm/virtio-attachments.test.ts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DevicePort, LoopbackDispatcher, RegionServerThread, type RegisterDevice } from 'ioregion/ioregion';
import { GuestMemory } from 'ioregion/memory';
import { EventFd, Fd, FdWatch, socketpair } from 'ioregion/native';
import { MockDriver, PciTransport } from 'ioregion/testing';
import { BackendServer, VhostUserControl } from 'ioregion/vhost-user';
import {
  createFunction,
  FUNCTION_MODULE,
  type FunctionModuleOptions,
  functionRegionPlaces,
  LocalControl,
  VirtioPciFunction,
} from 'ioregion/virtio';
import { expect, test } from 'vitest';
import { NodeProcess } from '../../support/processes.js';
import { temporaryDirectory } from '../../support/temporary.js';

const built = (path: string) => fileURLToPath(new URL(`../../../dist/${path}`, import.meta.url));
const MODULE = built('examples/reverse-device.js');
const DEVICE_TYPE = 63;
const VECTORS = 2;
const directory = temporaryDirectory();

const PLACES = functionRegionPlaces({ queues: 1, vectors: VECTORS, configLength: 0, transitional: false });
const REGIONS = [
  { name: 'config', space: 'mmio' as const, gpa: 0xe000_0000, size: 256, postedWrites: false },
  ...PLACES.map(({ bar, offset, ...place }) => ({ ...place, gpa: 0xd000_0000 + bar * 0x10_0000 + offset })),
];

/** What ends an attachment, last first. */
class Undo {
  readonly #steps: (() => unknown)[] = [];

  use<Thing>(thing: Thing, end: (thing: Thing) => unknown): Thing {
    this.#steps.push(() => end(thing));
    return thing;
  }

  close<Thing extends { close(): unknown }>(thing: Thing): Thing {
    return this.use(thing, () => thing.close());
  }

  async run(): Promise<void> {
    for (const step of this.#steps.reverse()) await step();
  }
}

/** Brings the device to where it is, and a transport to the device. */
type Attach = (memory: GuestMemory, undo: Undo) => Promise<PciTransport>;

/** Eventfds for the vectors, whose signals reach the driver. */
function vectorsOf(transport: PciTransport, undo: Undo): EventFd[] {
  return Array.from({ length: VECTORS }, (_, vector) => {
    const eventfd = undo.close(EventFd.create());
    const signalled = () => {
      if (eventfd.testAndClear() && vector > 0) transport.events.called(vector - 1);
    };
    undo.close(new FdWatch(eventfd, signalled));
    return eventfd;
  });
}

/** The function's registers at the other end of a dispatcher. */
function registersBehind(dispatcher: LoopbackDispatcher, undo: Undo) {
  const caller = undo.close(dispatcher.createCaller());
  const deviceAt = (gpa: number): RegisterDevice => ({
    read: (offset, size) => caller.read('mmio', gpa + offset, size),
    write: (offset, size, value) => void caller.write('mmio', gpa + offset, size, value),
  });
  const regions = PLACES.map((place, index) => ({ ...place, device: deviceAt(REGIONS[index + 1]!.gpa) }));
  return { config: deviceAt(REGIONS[0]!.gpa), regions };
}

const inline: Attach = async (memory, undo) => {
  const { default: createReverser } = await import(MODULE);
  const transport = new PciTransport();
  const control = new LocalControl({ device: createReverser(), memory });
  return transport.connect(undo.close(new VirtioPciFunction({ control, sink: transport.sink })));
};

const dataPlane: Attach = async (memory, undo) => {
  const transport = new PciTransport();
  const eventfds = vectorsOf(transport, undo).map((eventfd) => eventfd.number);
  const interrupts = { kind: 'eventfds', eventfds } as const;
  const options = { device: { module: MODULE }, memory: memory.share(), interrupts };
  return transport.connect(undo.close(await createFunction(options, { fds: {}, shared: null, region: '' })));
};

const thread: Attach = async (memory, undo) => {
  const transport = new PciTransport();
  const eventfds = vectorsOf(transport, undo).map((eventfd) => eventfd.number);
  const options: FunctionModuleOptions = {
    device: { module: MODULE },
    memory: memory.share(),
    interrupts: { kind: 'eventfds', eventfds },
  };
  const [vmmEnd, deviceEnd] = socketpair('seqpacket').map((end) => undo.close(end));
  const regions = REGIONS.map(({ name }, userData) => ({
    name,
    userData,
    device: { module: FUNCTION_MODULE, options },
  }));
  undo.close(await RegionServerThread.start({ readFd: deviceEnd!, writeFd: deviceEnd!, regions }));
  const dispatcher = undo.close(new LoopbackDispatcher());
  for (const [userData, region] of REGIONS.entries()) {
    dispatcher.addRegion({ ...region, userData, readFd: vmmEnd!, writeFd: vmmEnd! });
  }
  return transport.connect(registersBehind(dispatcher, undo));
};

const process: Attach = async (memory, undo) => {
  const transport = new PciTransport();
  const vectors = vectorsOf(transport, undo);
  const names = vectors.map((_, vector) => `vector-${vector}`);
  const { fds, regions } = memory.share();
  const options: FunctionModuleOptions = {
    device: { module: MODULE },
    memory: { fds: ['memory'], regions },
    interrupts: { kind: 'eventfds', eventfds: names },
  };
  const path = join(directory, 'port');
  const port = undo.close(DevicePort.listen(path));
  const args = [
    'region-server',
    '--socket',
    path,
    fileURLToPath(FUNCTION_MODULE),
    '--options',
    JSON.stringify(options),
  ];
  const child = new NodeProcess(built('src/cli/ioregion.cjs'), args);
  undo.use(child, async ({ exited }) => expect(await exited).toMatchObject({ code: 0, stderr: '' }));
  const connection = undo.close(await port.accept());
  const offers = REGIONS.map(({ name, space, size }, userData) => ({ name, space, size, userData }));
  const files: Record<string, Fd> = { memory: new Fd(fds[0]!) };
  for (const [index, name] of names.entries()) files[name] = vectors[index]!;
  const channel = undo.use(connection.offer(offers, files).get('default')!, (open) => open[Symbol.dispose]());
  const dispatcher = undo.close(new LoopbackDispatcher());
  for (const [userData, region] of REGIONS.entries()) dispatcher.addRegion({ ...region, ...channel, userData });
  return transport.connect(registersBehind(dispatcher, undo));
};

const vhostUser: Attach = async (memory, undo) => {
  const { default: createReverser } = await import(MODULE);
  const path = join(directory, 'vhost-user.sock');
  undo.close(BackendServer.listen(path, { device: createReverser() }));
  const control = await VhostUserControl.connect({ path, deviceType: DEVICE_TYPE, queues: 1, memory });
  const transport = new PciTransport();
  return transport.connect(undo.close(new VirtioPciFunction({ control, sink: transport.sink })));
};

const ATTACHMENTS: readonly (readonly [string, Attach])[] = [
  ['in-process, its queue on the thread of the registers', inline],
  ['in-process, its queue on a data-plane Worker', dataPlane],
  ["on a region server's thread", thread],
  ['in another process', process],
  ['behind vhost-user', vhostUser],
];

test.each(ATTACHMENTS)('reverse-device: the same file works %s', async (_where, attach) => {
  const memory = GuestMemory.create(1 << 20);
  const undo = new Undo();
  try {
    const driver = new MockDriver(await attach(memory, undo), memory);
    for (const text of ['stressed', 'a second time, after a reset']) {
      driver.start();
      const { data } = await driver.queue().send([{ bytes: Buffer.from(text) }, { room: 64 }]);
      expect(Buffer.from(data).toString()).toBe([...text].reverse().join(''));
      await driver.reset();
    }
  } finally {
    await undo.run();
    memory.close();
  }
});

test('reverse-device: many chains at a time, short of room, and without any', async () => {
  const memory = GuestMemory.create(1 << 20);
  const undo = new Undo();
  const driver = new MockDriver(await inline(memory, undo), memory);
  driver.start();
  const queue = driver.queue();
  const sent = Array.from({ length: 32 }, (_, index) => queue.send([{ bytes: Uint8Array.of(index, 7) }, { room: 1 }]));
  expect((await Promise.all(sent)).map(({ data }) => [...data])).toEqual(sent.map(() => [7]));
  expect(await queue.send([{ bytes: Uint8Array.of(1) }])).toMatchObject({ written: 0 });
  await undo.run();
  memory.close();
});

test('reverse-device is shorter than 40 lines', () => {
  const source = fileURLToPath(new URL('../../../examples/reverse-device.ts', import.meta.url));
  expect(readFileSync(source, 'utf8').trimEnd().split('\n').length).toBeLessThan(40);
});
