/** A device behind a backend as a PCI function: on a thread with its registers here, or behind a region server. */
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { LoopbackDispatcher, RegionServerThread, type RegisterDevice } from 'ioregion/ioregion';
import { GuestMemory } from 'ioregion/memory';
import { EventFd, socketpair } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PciDriver } from '#dist/src/testing/index.js';
import {
  createVhostUserFunction,
  VHOST_USER_FUNCTION_MODULE,
  type VhostUserFunctionOptions,
} from '#dist/src/vhost-user/index.js';
import { functionRegionPlaces } from '#dist/src/virtio/pci/index.js';
import { CommonCfg, DeviceType, Feature } from '#dist/src/virtio/spec/index.js';
import { startEchoBackend } from '#dist/test/support/vhost-user/echo-backend.js';
import { temporaryDirectory } from '../../../support/temporary.js';
import { SplitDriver } from '../../virtio/support/split-driver.js';

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
type Attach = (options: VhostUserFunctionOptions) => Promise<Attached>;

const here: Attach = async (options) => {
  const pciFunction = await createVhostUserFunction(options, { fds: {}, shared: null, region: '' });
  return { driver: new PciDriver(pciFunction), close: () => pciFunction.close() };
};

/** A thread that never returns to its event loop. */
const onThread: Attach = async (options) => {
  const [vmmEnd, deviceEnd] = socketpair('seqpacket');
  const module = VHOST_USER_FUNCTION_MODULE;
  const regions = REGIONS.map(({ name }, userData) => ({ name, userData, device: { module, options } }));
  const server = await RegionServerThread.start({ readFd: deviceEnd, writeFd: deviceEnd, regions });
  const dispatcher = new LoopbackDispatcher();
  for (const [userData, region] of REGIONS.entries())
    dispatcher.addRegion({ ...region, userData, readFd: vmmEnd, writeFd: vmmEnd });
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

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });
const directory = temporaryDirectory();
let sockets = 0;

describe.each([
  ['on this thread', here],
  ['behind a region server on a thread', onThread],
])('a function %s', (_where, attach) => {
  let memory: GuestMemory;
  let vectors: EventFd[];
  let backend: Worker;
  let attached: Attached;

  beforeEach(async () => {
    memory = GuestMemory.create(1 << 20);
    vectors = Array.from({ length: VECTORS }, () => EventFd.create());
    const path = join(directory, `backend-${sockets++}`);
    backend = await startEchoBackend(path, { queues: QUEUES });
    attached = await attach({
      backend: { path, deviceType: DeviceType.entropy, queues: QUEUES, queueSize: 8, configBytes: 8 },
      memory: memory.share(),
      interrupts: { kind: 'eventfds', eventfds: vectors.map((vector) => vector.number) },
    });
  });

  afterEach(async () => {
    await attached.close();
    await backend.terminate();
    for (const vector of vectors) vector.close();
    memory.close();
  });

  function start(): SplitDriver {
    const { driver } = attached;
    const queue = new SplitDriver(memory, 0);
    driver.enableMsix();
    for (let vector = 0; vector < VECTORS; vector++) driver.setVector(vector);
    expect(driver.negotiate(Feature.version1)).toBe(true);
    driver.setUpQueue(0, queue.size);
    driver.set16(CommonCfg.queueMsixVector, 1);
    driver.ready();
    return queue;
  }

  test('answers kicks and interrupts, before and after a reset', async () => {
    const { driver } = attached;
    for (const round of [1, 2]) {
      const queue = start();
      queue.send(Uint8Array.of(round));
      driver.kick(0);
      await eventually(() => expect(vectors[1]!.testAndClear()).toBe(true));
      // A backend may call when it starts a ring, before it has used anything.
      await eventually(() => expect(queue.answer(0)).toEqual(Uint8Array.of(round + 1)));
      driver.status = 0;
      await eventually(() => expect(driver.status).toBe(0));
    }
  });

  test('keeps a call of the backend that comes while its vector is masked', async () => {
    const { driver } = attached;
    const queue = start();
    driver.mask(1, true);
    queue.send(Uint8Array.of(1));
    driver.kick(0);
    await eventually(() => expect(driver.pending).toBe(0b10));
    driver.mask(1, false);
    expect(vectors[1]!.testAndClear()).toBe(true);
  });

  test('waits with a write to configuration space until the backend has it', () => {
    const { bar, offset } = attached.driver.device!;
    attached.driver.write(bar, offset + 1, 2, 0xbeef);
    expect(attached.driver.read(bar, offset, 4)).toBe(0x00beef00);
    expect(attached.driver.generation).not.toBe(0);
  });
});
