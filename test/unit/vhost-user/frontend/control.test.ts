/** A device behind a backend that answers as it should: what is sent to it, and what comes of what it says. */
import { GuestMemory } from 'ioregion/memory';
import { describe, expect, test } from 'vitest';
import { MockBackend } from '#dist/src/testing/mock-backend/index.js';
import { BackendUnsuitableError, VhostUserControl } from '#dist/src/vhost-user/frontend/index.js';
import {
  BackendRequest,
  decodeIotlb,
  decodeU64,
  decodeVringAddress,
  encodeIotlb,
  FrontendRequest,
  HeaderFlag,
  IotlbAccess,
  IotlbType,
  ProtocolFeature,
  VhostFeature,
} from '#dist/src/vhost-user/index.js';
import { DeviceStatus, DeviceType, Feature } from '#dist/src/virtio/spec/index.js';
import { expectOpenFds, openFds } from '../../../support/open-fds.js';
import { temporaryDirectory } from '../../../support/temporary.js';
import { eventually, mockMachine, socketPath } from '../support/mock-machine.js';

const directory = temporaryDirectory();
const request = HeaderFlag.version | HeaderFlag.needReply;
const all = ProtocolFeature;

describe('a device behind a backend', () => {
  test('is described by it: features without those of vhost-user, queues, configuration', async () => {
    const features = Feature.version1 | Feature.ringPacked | VhostFeature.protocolFeatures | VhostFeature.logAll | 1n;
    const config = Uint8Array.from({ length: 60 }, (_, at) => at);
    const { control } = await mockMachine(directory, { backend: { features, config, queues: 4 } });
    expect(control.description).toEqual({
      deviceType: DeviceType.block,
      features: Feature.version1 | Feature.ringPacked | 1n,
      queueSizes: [256],
    });
    expect([control.config.length, control.config.read(4, 4)]).toEqual([60, 0x07060504]);
  });

  test('asks for the protocol features that both sides know, and no others', async () => {
    const protocolFeatures = all.config | all.replyAck | all.crossEndian | all.pageFault | all.mq | (1n << 60n);
    const { backend, control } = await mockMachine(directory, { backend: { protocolFeatures } });
    expect(backend.connection.protocolFeatures).toBe(all.config | all.replyAck | all.mq);
    expect(control.protocolFeatures).toBe(all.config | all.replyAck | all.mq);
  });

  test('works with a backend that has no protocol features at all', async () => {
    const { backend, control, driver } = await mockMachine(directory, {
      backend: { features: Feature.version1 },
      control: { deviceType: DeviceType.entropy },
    });
    driver.start();
    await control.settled();
    await eventually(() => expect(backend.connection.vrings[0]!.kickFd).not.toBe(null));
    const { seen, requests } = backend.connection;
    expect(seen).not.toContain(FrontendRequest.getProtocolFeatures);
    expect(seen).not.toContain(FrontendRequest.setVringEnable);
    expect(seen).toContain(FrontendRequest.setMemTable);
    expect(requests.some(({ needsReply }) => needsReply)).toBe(false);
  });

  test.each([
    [ProtocolFeature.configureMemSlots, FrontendRequest.addMemReg, FrontendRequest.setMemTable],
    [0n, FrontendRequest.setMemTable, FrontendRequest.addMemReg],
  ])('is given guest memory before the first vring, once (slots: %s)', async (slots, used, unused) => {
    const protocolFeatures = all.replyAck | slots;
    const { backend, control, driver } = await mockMachine(directory, { backend: { protocolFeatures } });
    driver.start();
    await driver.reset();
    driver.start();
    await control.settled();
    const { seen } = backend.connection;
    expect(seen.filter((one) => one === used).length).toBe(1);
    expect(seen).not.toContain(unused);
    expect(seen.indexOf(used)).toBeLessThan(seen.indexOf(FrontendRequest.setVringNum));
  });

  test('memory with more regions than a backend takes is refused', async () => {
    const layout = Array.from({ length: 9 }, (_, at) => ({ gpa: at * 8192, size: 4096 }));
    const memory = GuestMemory.fromLayout(layout);
    const backend = { protocolFeatures: all.replyAck };
    const { control, driver, logs } = await mockMachine(directory, { backend, control: { memory } });
    driver.start();
    await control.settled();
    expect(control.state.needsReset).toBe(true);
    expect(logs.join()).toMatch(/8 region/);
    memory.close();
  });

  test('starts its vrings: size, base, addresses, eventfds, then enables them', async () => {
    const { backend, control, driver } = await mockMachine(directory, {
      backend: { queues: 2 },
      control: { queues: 2 },
    });
    driver.start();
    await control.settled();
    const { vrings, features, requests, status } = backend.connection;
    expect(vrings.map(({ size, base, enabled }) => [size, base, enabled])).toEqual([
      [256, 0, true],
      [256, 0, true],
    ]);
    expect(vrings.every(({ kickFd, callFd, errFd }) => kickFd && callFd && errFd)).toBe(true);
    expect(features).toBe(Feature.version1 | VhostFeature.protocolFeatures);
    const address = decodeVringAddress(requests.find((one) => one.request === FrontendRequest.setVringAddr)!.payload);
    expect(address.available - address.descriptors).toBe(
      driver.queue(0).setup.driverArea - driver.queue(0).setup.descriptors,
    );
    const { acknowledge, driver: driverBit, featuresOk, driverOk } = DeviceStatus;
    expect(status).toBe(acknowledge | driverBit | featuresOk | driverOk);
  });

  test('kicks reach the backend by its eventfd, calls come back by theirs', async () => {
    const { backend, control, driver } = await mockMachine(directory);
    driver.start();
    await control.settled();
    const [vring] = backend.connection.vrings;
    vring!.kickFd!.testAndClear();
    control.kick(0);
    expect(vring!.kickFd!.testAndClear()).toBe(true);
    const { calls } = driver.queue(0);
    vring!.callFd!.signal();
    await eventually(() => expect(driver.queue(0).calls).toBe(calls + 1));
  });

  test('in-band, kicks and calls are messages, and no eventfd is given', async () => {
    const { backend, control, driver } = await mockMachine(directory, { control: { inband: true } });
    driver.start();
    await control.settled();
    const { connection } = backend;
    expect(connection.vrings[0]).toMatchObject({ kickFd: null, callFd: null, errFd: null });
    const kicks = () => connection.seen.filter((one) => one === FrontendRequest.vringKick).length;
    const before = kicks();
    control.kick(0);
    await eventually(() => expect(kicks()).toBe(before + 1));
    const { calls } = driver.queue(0);
    connection.callInband(0);
    await eventually(() => expect(driver.queue(0).calls).toBe(calls + 1));
    await eventually(() => expect(connection.answers.map(decodeU64)).toEqual([0n]));
    connection.callInband(7);
    await eventually(() => expect(connection.answers.map(decodeU64)).toEqual([0n, 1n]));
  });

  test.each([ProtocolFeature.backendReq, ProtocolFeature.replyAck, ProtocolFeature.inbandNotifications])(
    'in-band notifications cannot be had without protocol feature %s',
    async (missing) => {
      const connected = mockMachine(directory, {
        control: { inband: true, withheldProtocolFeatures: missing },
      });
      await expect(connected).rejects.toThrow(BackendUnsuitableError);
    },
  );

  test('a queue stops with GET_VRING_BASE and says where; started again, it goes on there', async () => {
    const { backend, control, driver } = await mockMachine(directory, { backend: { vringBase: 7 } });
    driver.start();
    control.stopQueue(0);
    await control.settled();
    expect(control.state.queueRunning(0)).toBe(false);
    const position = control.state.position(0);
    expect(position).toEqual({ available: 7, used: 7 });
    control.startQueue({ setup: { ...driver.queue(0).setup, position }, kickFd: null });
    await control.settled();
    expect(backend.connection.vrings[0]).toMatchObject({ base: 7, enabled: true });
  });

  test('of a packed ring, the base has both positions with their wrap counters', async () => {
    const features = Feature.version1 | Feature.ringPacked;
    const { backend, control, driver } = await mockMachine(directory, {
      backend: { features: features | VhostFeature.protocolFeatures, vringBase: 0x0005_8003 },
      features,
    });
    driver.start({ features });
    await control.settled();
    expect(backend.connection.vrings[0]!.base).toBe(0x8000_8000);
    control.stopQueue(0);
    await control.settled();
    expect(control.state.position(0)).toEqual({ available: 0x8003, used: 5 });
  });

  test.each([
    [all.resetDevice | all.status, FrontendRequest.resetDevice],
    [all.status, FrontendRequest.setStatus],
    [0n, FrontendRequest.getVringBase],
  ])('a device reset stops all vrings, then resets it by what the backend has (%s)', async (has, last) => {
    const protocolFeatures = all.replyAck | all.config | has;
    const { backend, control, driver } = await mockMachine(directory, { backend: { protocolFeatures } });
    driver.start();
    await driver.reset();
    expect(control.state.active).toBe(false);
    expect(backend.connection.seen).toContain(FrontendRequest.getVringBase);
    expect(backend.connection.seen.at(-1)).toBe(last);
    driver.start();
    await control.settled();
    expect(backend.connection.vrings[0]!.enabled).toBe(true);
  });

  test('what the driver writes to configuration space goes to the backend and is read back', async () => {
    const { backend, control } = await mockMachine(directory);
    await control.writeConfig(32, 1, 0x5a);
    expect(backend.connection.config[32]).toBe(0x5a);
    expect(control.config.read(32, 1)).toBe(0x5a);
  });

  test('a write that the backend does not take is gone again when it is done', async () => {
    const { control } = await mockMachine(directory, {
      backend: {
        interfere: (_, answer, { config }) => {
          config.fill(0);
          return answer === null ? [] : [answer];
        },
      },
    });
    await control.writeConfig(32, 1, 0x5a);
    expect(control.config.read(32, 1)).toBe(0);
  });

  test('a configuration change of the backend is read and told to the driver', async () => {
    const { backend, control, driver } = await mockMachine(directory);
    driver.start();
    await control.settled();
    const { connection } = backend;
    connection.config[0] = 99;
    for (let time = 0; time < 3; time++) {
      connection.request({ request: BackendRequest.configChangeMsg, payload: new Uint8Array(0), flags: request });
    }
    await eventually(() => expect(driver.configChanges).toBe(1));
    expect(control.config.read(0, 1)).toBe(99);
    await eventually(() => expect(connection.answers.length).toBe(3));
  });

  test('num_queues of a block device is what the driver can use', async () => {
    const config = new Uint8Array(60);
    config[34] = 8;
    const { control } = await mockMachine(directory, { backend: { config, queues: 8 }, control: { queues: 3 } });
    expect(control.config.read(34, 2)).toBe(3);
    expect(control.description.queueSizes.length).toBe(3);
  });

  test.each([
    [96, 96],
    [100, 96],
    [72, 72],
    [40, 36],
  ])('of a backend with %i bytes of configuration, %i are used', async (has, used) => {
    const { control } = await mockMachine(directory, { backend: { config: new Uint8Array(has) } });
    expect(control.config.length).toBe(used);
  });

  test('a device whose backend has no configuration gets that of the VMM, with its features', async () => {
    const config = Uint8Array.of(2, 0, 0, 0, 0, 1);
    const { backend, control, driver } = await mockMachine(directory, {
      backend: { protocolFeatures: all.replyAck },
      control: { deviceType: DeviceType.network, config, addedFeatures: 1n << 5n },
    });
    expect(control.config.read(4, 2)).toBe(0x0100);
    expect(control.description.features & (1n << 5n)).not.toBe(0n);
    driver.start({ features: Feature.version1 | (1n << 5n) });
    await control.settled();
    expect(control.state.needsReset).toBe(false);
    expect(backend.connection.features & (1n << 5n)).toBe(0n);
  });

  test('the MTU is told to a backend that takes it', async () => {
    const { backend, control, driver } = await mockMachine(directory, { control: { mtu: 1400 } });
    driver.start();
    await control.settled();
    const told = backend.connection.requests.find((one) => one.request === FrontendRequest.netSetMtu);
    expect(decodeU64(told!.payload)).toBe(1400n);
  });

  test('an error eventfd that is signalled means that the device needs a reset', async () => {
    const { backend, control, driver } = await mockMachine(directory);
    driver.start();
    await control.settled();
    backend.connection.vrings[0]!.errFd!.signal();
    await eventually(() => expect(control.state.needsReset).toBe(true));
    await driver.reset();
    expect(control.state.needsReset).toBe(false);
  });

  test('addresses behind an IOMMU are translated when the backend asks', async () => {
    const features = Feature.version1 | Feature.accessPlatform;
    const { backend, control, driver } = await mockMachine(directory, {
      backend: { features: features | VhostFeature.protocolFeatures },
      control: { accessPlatform: true },
    });
    driver.start({ features });
    await control.settled();
    const { connection } = backend;
    const { payload } = connection.requests.find((one) => one.request === FrontendRequest.setVringAddr)!;
    expect(decodeVringAddress(payload).descriptors).toBe(driver.queue(0).setup.descriptors);
    const miss = (iova: bigint) => ({
      request: BackendRequest.iotlbMsg,
      payload: encodeIotlb({ iova, size: 0n, userAddress: 0n, access: IotlbAccess.write, type: IotlbType.miss }),
      flags: request,
    });
    connection.request(miss(0x1234n));
    await eventually(() => expect(connection.seen).toContain(FrontendRequest.iotlbMsg));
    const update = decodeIotlb(connection.requests.find((one) => one.request === FrontendRequest.iotlbMsg)!.payload);
    expect(update).toMatchObject({ iova: 0n, size: BigInt(1 << 20), type: IotlbType.update });
    connection.request(miss(1n << 40n));
    await eventually(() => expect(connection.answers.map(decodeU64)).toEqual([0n, 1n]));
    await control.invalidate(0x1000n, 0x2000n);
    const last = connection.requests.filter((one) => one.request === FrontendRequest.iotlbMsg).at(-1)!;
    expect(decodeIotlb(last.payload)).toMatchObject({ iova: 0x1000n, size: 0x2000n, type: IotlbType.invalidate });
  });

  test('nobody at the path, and a backend of before virtio 1, are errors with a code', async () => {
    const memory = GuestMemory.create(4096);
    const options = { path: socketPath(directory), memory, deviceType: DeviceType.block };
    await expect(VhostUserControl.connect(options)).rejects.toMatchObject({ code: 'ERR_IOREGION_SOCKET_UNREACHABLE' });
    const old = mockMachine(directory, { backend: { features: 0n } });
    await expect(old).rejects.toMatchObject({ code: 'ERR_IOREGION_VHOST_USER_UNSUITABLE' });
    memory.close();
  });

  test('leaves nothing open when it is closed', async () => {
    // What earlier tests have closed is gone at the end of a turn.
    await new Promise((resolve) => setTimeout(resolve, 0));
    const before = openFds();
    const { control, driver, close } = await mockMachine(directory);
    driver.start();
    await control.settled();
    await close();
    expect([control.state.ended, control.state.needsReset]).toEqual([true, true]);
    await expectOpenFds(before);
  });
});

describe('a move to another host', () => {
  test('the backend is told to log, with the addresses of its running vrings, and its log is collected', async () => {
    const { backend, control, driver, memory } = await mockMachine(directory);
    driver.start();
    await control.settled();
    const log = await control.migration.startLog();
    const { connection } = backend;
    expect(connection.features & VhostFeature.logAll).toBe(VhostFeature.logAll);
    const last = connection.requests.filter((one) => one.request === FrontendRequest.setVringAddr).at(-1)!;
    const { flags, log: logged } = decodeVringAddress(last.payload);
    expect([flags, logged]).toEqual([1, driver.queue(0).setup.deviceArea]);
    expect(log.takePages()).toEqual([]);
    await control.migration.stopLog();
    expect(connection.features & VhostFeature.logAll).toBe(0n);
    expect(memory.closed).toBe(false);
  });

  test('a backend that cannot log is said to be unsuitable', async () => {
    const { control } = await mockMachine(directory, { control: { withheldProtocolFeatures: all.logShmfd } });
    await expect(control.migration.startLog()).rejects.toThrow(BackendUnsuitableError);
  });

  test('the state in the backend is saved, and put into another one', async () => {
    const state = Uint8Array.from({ length: 5000 }, (_, at) => at);
    const source = await mockMachine(directory, { backend: { state } });
    const saved = await source.control.migration.saveState();
    expect(Buffer.compare(saved!, state)).toBe(0);
    const destination = await mockMachine(directory);
    await destination.control.migration.loadState(saved!);
    expect(Buffer.compare(destination.backend.connection.state, state)).toBe(0);
  });

  test('a backend without state has none to give', async () => {
    const { control } = await mockMachine(directory, { control: { withheldProtocolFeatures: all.deviceState } });
    expect(await control.migration.saveState()).toBe(null);
  });
});

describe('a backend that ends', () => {
  test('is waited for; its successor gets everything again, and the same record of what was in flight', async () => {
    const { backend, control, driver, memory } = await mockMachine(directory);
    driver.start();
    await control.settled();
    driver.queue(0).add([{ room: 1 }]);
    driver.queue(0).publish();
    const { setup } = driver.queue(0);
    memory.writeU16(setup.deviceArea + 2n, 0);
    backend.connection.close();
    await eventually(() => expect(backend.connections.length).toBe(2));
    await eventually(() => expect(backend.connection.vrings[0]!.enabled).toBe(true));
    await control.settled();
    const { seen } = backend.connection;
    expect(seen).toContain(FrontendRequest.setInflightFd);
    expect(seen).not.toContain(FrontendRequest.getInflightFd);
    expect([control.connected, control.state.needsReset]).toEqual([true, false]);
    expect(backend.connection.vrings[0]!.kickFd!.testAndClear()).toBe(true);
  });

  test('a kick while it is gone is there for its successor', async () => {
    const { backend, control, driver } = await mockMachine(directory);
    driver.start();
    await control.settled();
    backend.connection.close();
    await eventually(() => expect(control.connected).toBe(false));
    control.kick(0);
    await eventually(() => expect(backend.connections.length).toBe(2));
    await eventually(() => expect(backend.connection.vrings[0]!.enabled).toBe(true));
    expect(backend.connection.vrings[0]!.kickFd!.testAndClear()).toBe(true);
  });

  test('with requests in flight and no record of them, the device needs a reset, and works after it', async () => {
    const backend = { protocolFeatures: all.replyAck | all.config };
    const made = await mockMachine(directory, { backend });
    const { control, driver } = made;
    driver.start();
    await control.settled();
    driver.queue(0).add([{ room: 1 }]);
    driver.queue(0).publish();
    made.backend.connection.close();
    await eventually(() => expect(control.state.needsReset).toBe(true));
    await driver.reset();
    await eventually(() => expect(control.connected).toBe(true));
    driver.start();
    await control.settled();
    expect(control.state.needsReset).toBe(false);
    expect(made.backend.connection.vrings[0]!.enabled).toBe(true);
  });

  test('a network device goes on without what was in flight', async () => {
    const { backend, control, driver, memory } = await mockMachine(directory, {
      backend: { protocolFeatures: all.replyAck },
      control: { deviceType: DeviceType.network },
    });
    driver.start();
    await control.settled();
    const { setup } = driver.queue(0);
    for (let count = 0; count < 3; count++) driver.queue(0).add([{ room: 1 }]);
    driver.queue(0).publish();
    memory.writeU16(setup.deviceArea + 2n, 0);
    backend.connection.close();
    await eventually(() => expect(backend.connections.length).toBe(2));
    await eventually(() => expect(backend.connection.vrings[1]!.enabled).toBe(true));
    expect(control.state.needsReset).toBe(false);
  });

  test('a successor that lacks what the driver uses does not get it', async () => {
    const { backend, control, driver } = await mockMachine(directory, {
      features: Feature.version1 | Feature.eventIdx,
    });
    driver.start();
    await control.settled();
    backend.options = { ...backend.options, features: Feature.version1 | VhostFeature.protocolFeatures };
    backend.connection.close();
    await eventually(() => expect(control.state.needsReset).toBe(true));
    expect(backend.connection.seen).not.toContain(FrontendRequest.setVringKick);
  });

  test('a reset and a start while it is gone are carried out when it is there', async () => {
    const { backend, control, driver, path, close } = await mockMachine(directory);
    driver.start();
    await control.settled();
    backend.close();
    await eventually(() => expect(control.connected).toBe(false));
    await driver.reset();
    expect(control.state.active).toBe(false);
    driver.start();
    await control.settled();

    using again = MockBackend.listen(path);
    await eventually(() => expect(again.connections[0]?.vrings[0]?.enabled).toBe(true));
    await close();
  });
});
