/** One description of a function, made on this thread or behind a region server on another, with its queues here or there. */
import { LoopbackDispatcher, RegionServerThread, type RegisterDevice } from 'ioregion/ioregion';
import { GuestMemory } from 'ioregion/memory';
import { EventFd, socketpair } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createFunction,
  FUNCTION_MODULE,
  type FunctionModuleOptions,
  functionRegionPlaces,
} from '#dist/src/virtio/pci/index.js';
import { CommonCfg, Feature } from '#dist/src/virtio/spec/index.js';
import { PciDriver } from '../support/pci-driver.js';
import { SplitDriver } from '../support/split-driver.js';

const echo = new URL('../../../../dist/test/support/echo-device.js', import.meta.url).href;
const QUEUES = 2;
const VECTORS = 3;
const PLACES = functionRegionPlaces({ queues: QUEUES, vectors: VECTORS, configLength: 8, transitional: false });
const CONFIG = { name: 'config', space: 'mmio' as const, gpa: 0xe000_0000, size: 256, postedWrites: false };
const REGIONS = [
  CONFIG,
  ...PLACES.map((place) => ({ ...place, gpa: 0xd000_0000 + place.bar * 0x10_0000 + place.offset })),
];

interface Attached {
  readonly driver: PciDriver;
  close(): Promise<void>;
}
type Attach = (options: FunctionModuleOptions) => Promise<Attached>;

const here: Attach = async (options) => {
  const pciFunction = await createFunction(options, { fds: {}, shared: null, region: '' });
  return { driver: new PciDriver(pciFunction), close: async () => {} };
};

const onThread: Attach = async (options) => {
  const [vmmEnd, deviceEnd] = socketpair('seqpacket');
  const regions = REGIONS.map(({ name }, userData) => ({
    name,
    userData,
    device: { module: FUNCTION_MODULE, options },
  }));
  const server = await RegionServerThread.start({ readFd: deviceEnd, writeFd: deviceEnd, regions });
  const dispatcher = new LoopbackDispatcher();
  for (const [userData, region] of REGIONS.entries()) {
    dispatcher.addRegion({ ...region, userData, readFd: vmmEnd, writeFd: vmmEnd });
  }
  const caller = dispatcher.createCaller();
  const deviceAt = (gpa: number): RegisterDevice => ({
    read: (offset, size) => caller.read('mmio', gpa + offset, size),
    write: (offset, size, value) => void caller.write('mmio', gpa + offset, size, value),
  });
  const remote = PLACES.map((place, index) => ({ ...place, device: deviceAt(REGIONS[index + 1]!.gpa) }));
  const close = async () => {
    caller.close();
    dispatcher.close();
    await server.close();
    vmmEnd.close();
    deviceEnd.close();
  };
  return { driver: new PciDriver({ config: deviceAt(CONFIG.gpa), regions: remote }), close };
};

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 5000, interval: 5 });

describe.each([
  ['on this thread', here],
  ['behind a region server on a thread', onThread],
])('a function %s', (_where, attach) => {
  describe.each(['registers', 'worker'] as const)('with its queues on the thread of the %s', (dataPlane) => {
    let memory: GuestMemory;
    let vectors: EventFd[];
    let attached: Attached;

    beforeEach(async () => {
      memory = GuestMemory.create(1 << 20);
      vectors = Array.from({ length: VECTORS }, () => EventFd.create());
      attached = await attach({
        device: { module: echo, options: { queues: QUEUES } },
        memory: memory.share(),
        dataPlane,
        interrupts: { kind: 'eventfds', eventfds: vectors.map((vector) => vector.number) },
        function: { notificationData: true },
      });
    });

    afterEach(async () => {
      await attached.close();
      for (const vector of vectors) vector.close();
      memory.close();
    });

    function start(features: bigint): SplitDriver {
      const { driver } = attached;
      const queue = new SplitDriver(memory, 0);
      driver.enableMsix();
      for (let vector = 0; vector < VECTORS; vector++) driver.setVector(vector);
      expect(driver.negotiate(features)).toBe(true);
      driver.setUpQueue(0, queue.size);
      const { descriptors, driverArea, deviceArea } = queue.areas;
      expect([descriptors, driverArea, deviceArea]).toEqual(driver.areasOf(0));
      driver.set16(CommonCfg.queueMsixVector, 1);
      driver.ready();
      return queue;
    }

    test.each([
      ['a kick', Feature.version1, (driver: PciDriver) => driver.kick(0)],
      [
        'a kick that carries notification data',
        Feature.version1 | Feature.notificationData,
        (driver: PciDriver) => driver.kick(0, 4, 0x00010000),
      ],
    ])('answers %s, and interrupts', async (_name, features, kick) => {
      const { driver } = attached;
      const queue = start(features);
      await eventually(() => expect(driver.status).toBe(15));
      queue.send(Uint8Array.of(41));
      kick(driver);
      await eventually(() => expect(vectors[1]!.testAndClear()).toBe(true));
      expect(queue.answer(0)).toEqual(Uint8Array.of(42));
    });

    test('keeps an interrupt that comes while its vector is masked', async () => {
      const { driver } = attached;
      const queue = start(Feature.version1);
      driver.mask(1, true);
      queue.send(Uint8Array.of(1));
      driver.kick(0);
      await eventually(() => expect(driver.pending).toBe(0b10));
      expect(vectors[1]!.testAndClear()).toBe(false);
      driver.mask(1, false);
      expect(vectors[1]!.testAndClear()).toBe(true);
    });

    test('shows what the driver wrote to configuration space at once, and its new generation', () => {
      const { driver } = attached;
      const { generation } = driver;
      const { bar, offset } = driver.device!;
      driver.write(bar, offset + 1, 2, 0xbeef);
      expect(driver.read(bar, offset, 4)).toBe(0x00beef00);
      expect(driver.generation).not.toBe(generation);
    });

    test('needs a reset after nonsense in its ring, tells the driver, and works again after it', async () => {
      const { driver } = attached;
      const queue = start(Feature.version1);
      driver.set16(CommonCfg.configMsixVector, 0);
      queue.sendNonsense();
      driver.kick(0);
      await eventually(() => expect(vectors[0]!.testAndClear()).toBe(true));
      expect(driver.status & 64).toBe(64);
      driver.status = 0;
      await eventually(() => expect(driver.status).toBe(0));
      const again = start(Feature.version1);
      again.send(Uint8Array.of(1));
      driver.kick(0);
      await eventually(() => expect(again.usedIndex).toBe(1));
    });
  });
});
