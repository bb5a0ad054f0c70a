/** Each message of the specification: carried out, answered, or refused; and what hostile frontends make of them. */
import { ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventFd, Fd, Memfd, pipe, socketpair } from 'ioregion/native';
import type { MockFrontend } from 'ioregion/testing';
import {
  decodeConfig,
  encodeConfig,
  encodeInflight,
  encodeMemoryTable,
  encodeSingleRegion,
  encodeU64,
  encodeVringAddress,
  encodeVringFd,
  encodeVringState,
  FrontendRequest,
  type MemoryRegionMessage,
  ProtocolFeature,
  VhostFeature,
} from 'ioregion/vhost-user';
import { DeviceStatus, DeviceType, Feature } from 'ioregion/virtio';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { EchoDevice } from '#dist/test/support/echo-device.js';
import { expectOpenFds, mappingCount, openFds } from '#dist/test/support/open-fds.js';
import {
  answerTo,
  eventually,
  makeMemory,
  makeQueue,
  request,
  type Served,
  serve,
  serveEcho,
} from './support/backend.js';

const ALL = (1n << 23n) - 1n;
const WITHOUT_INBAND = ALL & ~ProtocolFeature.inbandNotifications;
const CLOSED = 'the backend closed the connection';

let served: Served<EchoDevice>;
let frontend: MockFrontend;

beforeEach(() => {
  served = serveEcho();
  frontend = served.connect();
});

async function works(): Promise<void> {
  const next = served.connect();
  const memory = makeMemory();
  await next.negotiate();
  await next.shareMemory(memory);
  const queue = makeQueue(next, memory);
  await next.startRing(queue.setup);
  expect((await queue.send(request('next'))).data).toEqual(answerTo('next'));
  next.close();
}

describe('features', () => {
  test('what was not offered is refused', async () => {
    await frontend.negotiate();
    await expect(frontend.order(FrontendRequest.setFeatures, encodeU64(1n << 60n))).rejects.toThrow('refused');
    const offered = await frontend.get(FrontendRequest.getProtocolFeatures);
    for (const bit of Object.values(ProtocolFeature).filter((feature) => (feature & offered) === 0n))
      await expect(frontend.order(FrontendRequest.setProtocolFeatures, encodeU64(bit))).rejects.toThrow('refused');
    await expect(frontend.order(FrontendRequest.setProtocolFeatures, encodeU64(1n << 40n))).rejects.toThrow('refused');
  });

  test('a change of features restarts the device, one of logging does not', async () => {
    const memory = makeMemory();
    await frontend.negotiate();
    await frontend.shareMemory(memory);
    await frontend.startRing(makeQueue(frontend, memory).setup);
    await frontend.order(FrontendRequest.setFeatures, encodeU64(frontend.features | VhostFeature.logAll));
    expect(served.device.log).not.toContain('reset');
    await frontend.order(FrontendRequest.setFeatures, encodeU64(frontend.features | Feature.eventIdx));
    expect(served.device.log).toContain('reset');
  });

  test('the number of queues is told', async () => {
    await frontend.negotiate();
    expect(await frontend.get(FrontendRequest.getQueueNum)).toBe(2n);
  });
});

describe('a request that is not supported', () => {
  const UNSUPPORTED = [
    'setLogFd',
    'sendRarp',
    'setVringEndian',
    'createCryptoSession',
    'closeCryptoSession',
    'postcopyAdvise',
    'postcopyListen',
    'postcopyEnd',
    'gpuSetSocket',
    'getSharedObject',
    'getShmemConfig',
  ] as const;

  test.each(UNSUPPORTED)('%s is answered with a failure where an answer is wanted', async (name) => {
    await frontend.negotiate();
    await expect(frontend.order(FrontendRequest[name])).rejects.toThrow('refused');
    expect(await frontend.get(FrontendRequest.getQueueNum)).toBe(2n);
  });

  test.each([...UNSUPPORTED.map((name) => FrontendRequest[name]), 0, 45, 0xffff_ffff])(
    'number %i ends the connection where no answer is wanted',
    async (number) => {
      await frontend.negotiate();
      frontend.tell(number);
      await frontend.closed;
      await works();
    },
  );

  test('is one whose protocol feature has not been negotiated', async () => {
    await frontend.negotiate({ protocolFeatures: ProtocolFeature.replyAck });
    for (const number of [
      FrontendRequest.getQueueNum,
      FrontendRequest.setConfig,
      FrontendRequest.netSetMtu,
      FrontendRequest.resetDevice,
      FrontendRequest.getStatus,
      FrontendRequest.getMaxMemSlots,
      FrontendRequest.vringKick,
      FrontendRequest.getInflightFd,
      FrontendRequest.setDeviceStateFd,
      FrontendRequest.setBackendReqFd,
    ])
      await expect(frontend.order(number), String(number)).rejects.toThrow('refused');
  });
});

describe('configuration', () => {
  beforeEach(async () => {
    served.device.config.bytes.set([1, 2, 3, 4, 5, 6, 7, 8]);
    await frontend.negotiate();
  });

  const read = async (offset: number, size: number) => {
    const bytes = new Uint8Array(size);
    const { payload } = await frontend.ask(FrontendRequest.getConfig, encodeConfig({ offset, flags: 0, bytes }));
    return payload.length === 0 ? null : [...decodeConfig(payload).bytes];
  };

  test('is read as the driver wrote it, from any offset, at any length', async () => {
    const written = encodeConfig({ offset: 1, flags: 0, bytes: Uint8Array.of(9, 8, 7, 6, 5) });
    await frontend.order(FrontendRequest.setConfig, written);
    expect(await read(0, 8)).toEqual([1, 9, 8, 7, 6, 5, 7, 8]);
    expect(await read(3, 2)).toEqual([7, 6]);
  });

  test('reads as zeroes behind its end, and is refused further on', async () => {
    expect(await read(0, 256)).toHaveLength(256);
    expect(await read(8, 4)).toEqual([0, 0, 0, 0]);
    expect(await read(9, 1)).toBeNull();
    expect(await read(0xffff_ffff, 256)).toBeNull();
  });

  test('is not written beyond its end (hostile 45)', async () => {
    for (const offset of [8, 0xffff_fffe])
      await expect(
        frontend.order(FrontendRequest.setConfig, encodeConfig({ offset, flags: 0, bytes: new Uint8Array(4) })),
      ).rejects.toThrow('refused');
  });

  test('of a size that is not what came ends the connection (hostile 52)', async () => {
    const lying = encodeConfig({ offset: 0, flags: 0, bytes: new Uint8Array(4) });
    new DataView(lying.buffer).setUint32(4, 200, true);
    frontend.tell(FrontendRequest.getConfig, lying);
    await frontend.closed;
    await works();
  });
});

describe('the device as a whole', () => {
  test('has a status that reads as it was set, with what the device adds', async () => {
    await frontend.negotiate({ protocolFeatures: WITHOUT_INBAND });
    await frontend.order(FrontendRequest.setStatus, encodeU64(DeviceStatus.acknowledge | DeviceStatus.driver));
    expect(await frontend.get(FrontendRequest.getStatus)).toBe(3n);
    await frontend.order(FrontendRequest.setStatus, encodeU64(0));
    expect(await frontend.get(FrontendRequest.getStatus)).toBe(0n);
  });

  test.each([
    ['RESET_DEVICE', FrontendRequest.resetDevice, new Uint8Array(0)],
    ['RESET_OWNER', FrontendRequest.resetOwner, new Uint8Array(0)],
    ['SET_STATUS 0', FrontendRequest.setStatus, encodeU64(0)],
  ])('is reset by %s: rings stop, and run once they are enabled and started again', async (_name, number, payload) => {
    const memory = makeMemory();
    await frontend.negotiate({ protocolFeatures: WITHOUT_INBAND });
    await frontend.shareMemory(memory);
    const queue = makeQueue(frontend, memory);
    await frontend.startRing(queue.setup);
    await queue.send(request('one'));
    await frontend.order(number, payload);
    expect(served.device.log.at(-1)).toBe('reset');
    expect(await frontend.stopRing(0)).toBe(1); // QEMU before 8.1 sets status 0, and then asks where rings have stopped
    const fresh = makeQueue(frontend, memory);
    memory.fill(Number(fresh.setup.descriptors), 0x1000, 0);
    await frontend.startRing(fresh.setup);
    expect((await fresh.send(request('two'))).data).toEqual(answerTo('two'));
    expect(await frontend.stopRing(0)).toBe(1);
  });

  test('has no MTU where it is no network device', async () => {
    await frontend.negotiate({ protocolFeatures: ALL });
    await expect(frontend.order(FrontendRequest.netSetMtu, encodeU64(1500))).rejects.toThrow('refused');
  });

  test('has an MTU from 68 to 65535 where it is a network device', async () => {
    const card = serve(Object.assign(new EchoDevice({}), { deviceType: DeviceType.network })).connect();
    await card.negotiate({ protocolFeatures: ProtocolFeature.replyAck | ProtocolFeature.netMtu });
    for (const mtu of [68, 1500, 65535]) await card.order(FrontendRequest.netSetMtu, encodeU64(mtu));
    for (const mtu of [0, 67, 65536, 2n ** 64n - 1n])
      await expect(card.order(FrontendRequest.netSetMtu, encodeU64(mtu))).rejects.toThrow('refused');
  });
});

describe('memory', () => {
  const region = (over: Partial<MemoryRegionMessage> = {}): MemoryRegionMessage => ({
    guestAddress: 0n,
    size: 0x10000n,
    userAddress: 0x1000_0000n,
    mmapOffset: 0n,
    ...over,
  });
  let file: Fd;

  beforeEach(async () => {
    file = Memfd.create({ name: 'region', size: 0x10000 });
    await frontend.negotiate({ protocolFeatures: WITHOUT_INBAND });
  });

  test('slots are added and removed one by one while a ring runs', async () => {
    const memory = makeMemory();
    expect(await frontend.get(FrontendRequest.getMaxMemSlots)).toBeGreaterThanOrEqual(8n);
    const { regions, fds } = frontend.describe(memory);
    await frontend.order(FrontendRequest.addMemReg, encodeSingleRegion(regions[0]!), fds);
    const queue = makeQueue(frontend, memory);
    await frontend.startRing(queue.setup);
    await queue.send(request('one'));
    const second = region({ guestAddress: 0x4000_0000n, userAddress: 0x5000_0000n, size: 0x3b10n });
    await frontend.order(FrontendRequest.addMemReg, encodeSingleRegion(second), [file]);
    expect((await queue.send(request('two'))).data).toEqual(answerTo('two'));
    await frontend.order(FrontendRequest.remMemReg, encodeSingleRegion(second));
    expect((await queue.send(request('three'))).data).toEqual(answerTo('three'));
    await expect(frontend.order(FrontendRequest.remMemReg, encodeSingleRegion(second))).rejects.toThrow('refused');
    file.close();
  });

  test('under a running ring is removed, and the ring waits until it is there again (hostile 52)', async () => {
    const memory = makeMemory();
    const { regions, fds } = frontend.describe(memory);
    await frontend.order(FrontendRequest.addMemReg, encodeSingleRegion(regions[0]!), fds);
    const queue = makeQueue(frontend, memory);
    await frontend.startRing(queue.setup);
    await frontend.order(FrontendRequest.remMemReg, encodeSingleRegion(regions[0]!));
    const { done } = queue.add(request('later'));
    queue.publish();
    await frontend.order(FrontendRequest.addMemReg, encodeSingleRegion(regions[0]!), fds);
    expect((await done).data).toEqual(answerTo('later'));
    file.close();
  });

  test.each([
    ['is empty', region({ size: 0n })],
    ['runs past the end of its file', region({ size: 0x10001n })],
    ['begins past the end of its file', region({ mmapOffset: 0x11000n })],
    ['has an offset that wraps', region({ mmapOffset: 2n ** 64n - 0x1000n })],
    ['wraps the guest address space', region({ guestAddress: 2n ** 64n - 0x1000n })],
    ['wraps the user address space', region({ userAddress: 2n ** 64n - 0x1000n })],
    ['does not begin at a page', region({ guestAddress: 0x800n })],
    ['has an offset inside a page', region({ mmapOffset: 0x10n, size: 0x100n })],
  ])('is refused where a region %s (hostile 10, 52)', async (_what, bad) => {
    await expect(frontend.order(FrontendRequest.addMemReg, encodeSingleRegion(bad), [file])).rejects.toThrow('refused');
    await expect(frontend.order(FrontendRequest.setMemTable, encodeMemoryTable([bad]), [file])).rejects.toThrow(
      'refused',
    );
    file.close();
  });

  test('is refused where regions overlap, and what was there before stays (hostile 52)', async () => {
    await frontend.order(FrontendRequest.setMemTable, encodeMemoryTable([region()]), [file]);
    const overlapping = [region(), region({ guestAddress: 0xf000n })];
    await expect(
      frontend.order(FrontendRequest.setMemTable, encodeMemoryTable(overlapping), [file, file]),
    ).rejects.toThrow('refused');
    await frontend.order(FrontendRequest.remMemReg, encodeSingleRegion(region()));
    file.close();
  });

  test('is refused where the descriptor is not of a file', async () => {
    const eventfd = EventFd.create();
    await expect(frontend.order(FrontendRequest.setMemTable, encodeMemoryTable([region()]), [eventfd])).rejects.toThrow(
      'refused',
    );
    eventfd.close();
    file.close();
  });

  test.each([0, 2])('of one region with %i descriptors ends the connection (hostile 49)', async (count) => {
    frontend.tell(FrontendRequest.setMemTable, encodeMemoryTable([region()]), Array(count).fill(file));
    await frontend.closed;
    file.close();
    await works();
  });

  test('of more regions than there may be ends the connection (hostile 52)', async () => {
    const payload = encodeMemoryTable([region()]);
    new DataView(payload.buffer).setUint32(0, 0xffff_ffff, true);
    frontend.tell(FrontendRequest.setMemTable, payload, [file]);
    await frontend.closed;
    file.close();
    await works();
  });

  test('whose file is made shorter ends the connection, and not the process (hostile 26)', async () => {
    const home = mkdtempSync(join(tmpdir(), 'ioregion-vhost-'));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const unsealed = new Fd(openSync(join(home, 'memory'), 'w+'));
    ftruncateSync(unsealed.number, 0x40000);
    await frontend.order(FrontendRequest.setMemTable, encodeMemoryTable([region({ size: 0x40000n })]), [unsealed]);
    await frontend.order(FrontendRequest.setVringNum, encodeVringState({ index: 0, value: 8 }));
    const at = 0x1000_0000n + 0x20000n;
    const address = { index: 0, flags: 0, descriptors: at, available: at + 0x1000n, used: at + 0x2000n, log: 0n };
    await frontend.order(FrontendRequest.setVringAddr, encodeVringAddress(address));
    await frontend.notify(0, 'fd', 'fd');
    await frontend.enable(0, true);
    ftruncateSync(unsealed.number, 0);
    frontend.kick(0);
    await frontend.closed;
    await eventually(() => expect(served.log.join()).toContain('made shorter'));
    unsealed.close();
    file.close();
    await works();
  });
});

describe('a vring', () => {
  beforeEach(async () => {
    await frontend.negotiate({ protocolFeatures: WITHOUT_INBAND });
  });

  test.each([2, 255, 0xffff_ffff])('number %i does not exist (hostile 48)', async (index) => {
    const state = encodeVringState({ index, value: 1 });
    for (const number of [FrontendRequest.setVringNum, FrontendRequest.setVringBase, FrontendRequest.setVringEnable])
      await expect(frontend.order(number, state)).rejects.toThrow('refused');
    const address = { index, flags: 0, descriptors: 0n, available: 0n, used: 0n, log: 0n };
    await expect(frontend.order(FrontendRequest.setVringAddr, encodeVringAddress(address))).rejects.toThrow('refused');
    if (index > 255) return;
    const payload = encodeVringFd({ index, hasFd: false });
    for (const number of [FrontendRequest.setVringKick, FrontendRequest.setVringCall, FrontendRequest.setVringErr])
      await expect(frontend.order(number, payload)).rejects.toThrow('refused');
  });

  test('that does not exist has no base: the connection ends (hostile 48)', async () => {
    await expect(frontend.stopRing(2)).rejects.toThrow(CLOSED);
    await works();
  });

  test.each([0, 3, 16, 0x1_0000])('of %i descriptors does not run (hostile 12)', async (size) => {
    const memory = makeMemory();
    await frontend.shareMemory(memory);
    const { setup } = makeQueue(frontend, memory);
    const start = frontend.startRing({ ...setup, size });
    if (size === 3) await start;
    else await expect(start).rejects.toThrow('refused');
    expect(served.device.log).not.toContain('start 0');
  });

  test('that is started and enabled before there is memory waits for it (hostile 48)', async () => {
    const memory = makeMemory();
    const queue = makeQueue(frontend, memory);
    await frontend.startRing(queue.setup);
    frontend.kick(0);
    expect(served.device.log).toEqual([]);
    await frontend.shareMemory(memory);
    expect((await queue.send(request('at last'))).data).toEqual(answerTo('at last'));
  });

  test('whose rings are not in memory does not run, and another one does', async () => {
    const memory = makeMemory();
    await frontend.shareMemory(memory);
    const { setup } = makeQueue(frontend, memory);
    await frontend.startRing({ ...setup, deviceArea: BigInt(memory.regions[0]!.size) - 4n });
    const other = makeQueue(frontend, memory, { index: 1 });
    await frontend.startRing(other.setup);
    expect((await other.send(request('other'))).data).toEqual(answerTo('other'));
  });

  test('takes kicks from eventfds only', async () => {
    const { readEnd, writeEnd } = pipe();
    const payload = encodeVringFd({ index: 0, hasFd: true });
    await expect(frontend.order(FrontendRequest.setVringKick, payload, [readEnd])).rejects.toThrow('refused');
    readEnd.close();
    writeEnd.close();
  });

  test.each([
    ['announced and missing', true, 0],
    ['unannounced', false, 1],
    ['too many', true, 2],
  ])('with a descriptor that is %s ends the connection (hostile 49)', async (_what, hasFd, count) => {
    const eventfd = EventFd.create();
    frontend.tell(FrontendRequest.setVringCall, encodeVringFd({ index: 0, hasFd }), Array(count).fill(eventfd));
    await frontend.closed;
    eventfd.close();
    await works();
  });
});

test('descriptors that come with messages which have none end the connection, and are closed (hostile 49)', async () => {
  frontend.close();
  await eventually(() => expect(served.server.sessions.size).toBe(0));
  const before = openFds();
  for (const number of Object.values(FrontendRequest).filter((value) => value < 5)) {
    const bad = served.connect();
    const eventfd = EventFd.create();
    bad.tell(number, encodeU64(0), Array(8).fill(eventfd));
    await bad.closed;
    eventfd.close();
    bad.close();
  }
  await expectOpenFds(before);
  await works();
});

test('payloads of every wrong length end the connection or are refused (hostile 52)', async () => {
  frontend.close();
  for (const number of Object.values(FrontendRequest)) {
    for (const length of [1, 7, 9, 41, 4096]) {
      const bad = served.connect();
      await bad.negotiate({ protocolFeatures: WITHOUT_INBAND & ~ProtocolFeature.backendReq });
      bad.tell(number, new Uint8Array(length));
      bad.tell(0xdead);
      await bad.closed;
      bad.close();
    }
  }
  await works();
});

test('inflight areas that lie about queues, sizes and files are refused (hostile 50)', async () => {
  await frontend.negotiate({ protocolFeatures: WITHOUT_INBAND });
  const file = Memfd.create({ name: 'inflight', size: 4096 });
  const bad = [
    { size: 4096n, offset: 0n, queues: 0xffff, queueSize: 8 },
    { size: 4096n, offset: 0n, queues: 2, queueSize: 0 },
    { size: 4096n, offset: 0n, queues: 2, queueSize: 0xffff },
    { size: 4096n, offset: 0n, queues: 200, queueSize: 256 },
    { size: 2n ** 63n, offset: 0n, queues: 1, queueSize: 8 },
    { size: 4096n, offset: 2n ** 64n - 4096n, queues: 1, queueSize: 8 },
    { size: 64n, offset: 0n, queues: 2, queueSize: 8 },
  ];
  for (const message of bad)
    await expect(
      frontend.order(FrontendRequest.setInflightFd, encodeInflight(message), [file]),
      JSON.stringify(message, (_key, value) => (typeof value === 'bigint' ? String(value) : value)),
    ).rejects.toThrow('refused');
  const [end, other] = socketpair('stream');
  const fine = { size: 4096n, offset: 0n, queues: 2, queueSize: 8 };
  await expect(frontend.order(FrontendRequest.setInflightFd, encodeInflight(fine), [end])).rejects.toThrow('refused');
  for (const fd of [end, other, file]) fd.close();
});

test('a queue that does not stop is waited for by GET_VRING_BASE (hostile 34)', async () => {
  served = serveEcho({ slow: true });
  frontend = served.connect();
  const memory = makeMemory();
  await frontend.negotiate();
  await frontend.shareMemory(memory);
  await frontend.startRing(makeQueue(frontend, memory).setup);
  let answered = false;
  const base = frontend.stopRing(0).then((value) => {
    answered = true;
    return value;
  });
  await eventually(() => expect(served.device.log.at(-1)).toBe('stop 0'));
  expect(answered).toBe(false);
  served.device.release();
  expect(await base).toBe(0);
});

test('a session leaves no descriptor and no mapping', async () => {
  frontend.close();
  const memory = makeMemory();
  const round = async () => {
    const next = served.connect();
    await next.negotiate({ protocolFeatures: ALL });
    await next.shareMemory(memory);
    memory.fill(0, 0x40000, 0);
    const queue = makeQueue(next, memory);
    await next.startRing(queue.setup);
    await queue.send(request('x'));
    next.close();
    await eventually(() => expect(served.server.sessions.size).toBe(0));
    await new Promise((resolve) => setImmediate(resolve));
  };
  await round();
  const before = openFds();
  const mappings = mappingCount('memfd');
  for (let count = 0; count < 20; count++) await round();
  await expectOpenFds(before);
  expect(mappingCount('memfd')).toBe(mappings);
});

test('frontends at the same time have a device each, where that is asked for', async () => {
  frontend.close();
  const { EchoDevice: Echo } = await import('#dist/test/support/echo-device.js');
  const shared = serveEcho({}, { device: () => new Echo() });
  const queues = [];
  for (let number = 0; number < 3; number++) {
    const one = shared.connect();
    const memory = makeMemory();
    await one.negotiate();
    await one.shareMemory(memory);
    const queue = makeQueue(one, memory);
    await one.startRing(queue.setup);
    queues.push(queue);
  }
  for (const [number, queue] of queues.entries())
    expect((await queue.send(request(`to ${number}`))).data).toEqual(answerTo(`to ${number}`));
});
