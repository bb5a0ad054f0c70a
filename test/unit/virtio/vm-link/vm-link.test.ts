/** A device process's requests to the VM, over a socket: what is asked for, what is forbidden, what is malformed. */
import { Worker } from 'node:worker_threads';
import { EventFd, type Fd, sendFds, socketpair, waitReadable } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Doorbell } from '#dist/src/virtio/host-notifier/index.js';
import { VmLinkServer } from '#dist/src/virtio/vm-link/index.js';
import { encodeRequest, type LinkRequest } from '#dist/src/virtio/vm-link/message.js';
import { expectOpenFds, openFds } from '../../../support/open-fds.js';
import { RecordedBinder } from '../support/recorded-binder.js';

const own: Doorbell = { space: 'mmio', address: 0xd0003004, length: 2 };
const legacy: Doorbell = { space: 'pio', address: 0xc010, length: 2, datamatch: 1 };
const foreign: Doorbell = { space: 'mmio', address: 0xfee00000, length: 4 };

let binder: RecordedBinder;
let server: VmLinkServer;
let device: Fd;
let asked: unknown[];
let before: string[];

beforeEach(() => {
  before = openFds();
  const [here, there] = socketpair('seqpacket');
  device = there;
  binder = new RecordedBinder();
  asked = [];
  server = new VmLinkServer(here, {
    vectors: 2,
    binder,
    route: (vector, { address, data }) => asked.push({ vector, address, data }),
    setPin: (asserted) => asked.push({ asserted }),
    owns: ({ address }) => address === 0xd0003004n || address === 0xc010n,
  });
});

afterEach(async () => {
  server.close();
  device.close();
  await expectOpenFds(before);
});

/** Sends a request as a device would, and returns the errno of the reply; null where the link has ended. */
async function ask(request: LinkRequest, fds: readonly Fd[] = []): Promise<number | null> {
  return askRaw(encodeRequest(request), fds);
}

async function askRaw(bytes: Uint8Array, fds: readonly Fd[] = []): Promise<number | null> {
  sendFds(device, bytes, fds);
  const reply = new Uint8Array(4);
  while (!waitReadable(device, 0)) await new Promise((resolve) => setImmediate(resolve));
  return device.read(reply) === 4 ? new DataView(reply.buffer).getUint32(0, true) : null;
}

/** What ends the link must not end anything else: everything of the device is taken back. */
async function expectEnded(): Promise<void> {
  await server.ended;
  expect(binder.assigned.size).toBe(0);
}

describe('what a device may ask', () => {
  test('a route for one of its vectors', async () => {
    expect(await ask({ op: 'route', vector: 1, address: 0x1_fee00000n, data: 0xffffffff })).toBe(0);
    expect(asked).toEqual([{ vector: 1, address: 0x1_fee00000n, data: 0xffffffff }]);
  });

  test('an ioeventfd at its own doorbells, and its end', async () => {
    using kickFd = EventFd.create();
    expect(await ask({ op: 'assign', doorbell: own }, [kickFd])).toBe(0);
    expect(await ask({ op: 'assign', doorbell: legacy }, [kickFd])).toBe(0);
    expect([...binder.assigned.keys()]).toEqual(['mmio 3489673220 2 any', 'pio 49168 2 1']);
    expect(await ask({ op: 'deassign', doorbell: own })).toBe(0);
    expect([...binder.assigned.keys()]).toEqual(['pio 49168 2 1']);
  });

  test('the level of its pin, without a reply', async () => {
    device.write(encodeRequest({ op: 'pin', asserted: true }));
    device.write(encodeRequest({ op: 'pin', asserted: false }));
    expect(await ask({ op: 'route', vector: 0, address: 0n, data: 0 })).toBe(0);
    expect(asked.slice(0, 2)).toEqual([{ asserted: true }, { asserted: false }]);
  });
});

describe('what is refused, while the link goes on', () => {
  test('a vector that the device does not have', async () => {
    expect(await ask({ op: 'route', vector: 2, address: 0n, data: 0 })).toBe(1);
    expect(asked).toEqual([]);
  });

  test('a doorbell that is not the device’s own', async () => {
    using kickFd = EventFd.create();
    expect(await ask({ op: 'assign', doorbell: foreign }, [kickFd])).toBe(1);
    expect(await ask({ op: 'deassign', doorbell: foreign })).toBe(1);
    expect(binder.log).toEqual([]);
  });

  test('an end without a beginning', async () => {
    expect(await ask({ op: 'deassign', doorbell: own })).toBe(2);
  });

  test('what the VM refuses', async () => {
    using kickFd = EventFd.create();
    binder.limit = 0;
    expect(await ask({ op: 'assign', doorbell: own }, [kickFd])).toBe(5);
    binder.limit = 1;
    expect(await ask({ op: 'assign', doorbell: own }, [kickFd])).toBe(0);
  });
});

describe('what ends the link', () => {
  const route = encodeRequest({ op: 'route', vector: 0, address: 0n, data: 0 });
  const patched = (bytes: Uint8Array, at: number, value: number) => {
    const copy = Uint8Array.from(bytes);
    new DataView(copy.buffer).setUint32(at, value, true);
    return copy;
  };
  const assign = encodeRequest({ op: 'assign', doorbell: own });

  test.each([
    ['a short message', route.subarray(0, 31)],
    ['a long message', new Uint8Array(33)],
    ['no request', new Uint8Array(32)],
    ['an unknown request', patched(route, 0, 5)],
    ['a pin level of two', patched(encodeRequest({ op: 'pin', asserted: true }), 4, 2)],
    ['an ioeventfd of three bytes', patched(assign, 24, 3)],
    ['unknown flags', patched(assign, 28, 4)],
    ['an ioeventfd without an eventfd', assign],
  ])('%s', async (_name, bytes) => {
    expect(await askRaw(bytes)).toBeNull();
    await expectEnded();
  });

  test('a descriptor where none belongs', async () => {
    using kickFd = EventFd.create();
    expect(await askRaw(route, [kickFd])).toBeNull();
    await expectEnded();
  });

  test('more descriptors than one', async () => {
    using kickFd = EventFd.create();
    expect(await askRaw(assign, [kickFd, kickFd, kickFd])).toBeNull();
    await expectEnded();
  });

  test('the end of the device process: its ioeventfds go with it', async () => {
    using kickFd = EventFd.create();
    await ask({ op: 'assign', doorbell: own }, [kickFd]);
    device.close();
    await expectEnded();
  });
});

/** The device's end blocks its thread, so it is on another one than the server. */
const CLIENT = `
  const { workerData, parentPort } = require('node:worker_threads');
  Promise.all([import(workerData.link), import(workerData.native)]).then(([{ VmLink }, { EventFd }]) => {
    const link = VmLink.open(workerData.socket);
    const kickFd = EventFd.create();
    const results = [];
    const attempt = (step) => {
      try { step(); results.push('ok'); } catch (error) { results.push(error.code + ' ' + error.errno); }
    };
    const doorbell = { space: 'mmio', address: 0xd0003004, length: 2 };
    attempt(() => link.route(1, { address: 0xfee00000, data: 7 }));
    attempt(() => link.route(9, { address: 0xfee00000n, data: 7 }));
    attempt(() => link.setPin(true));
    attempt(() => link.assign({ ...doorbell, eventfd: kickFd }));
    attempt(() => link.deassign({ ...doorbell, eventfd: kickFd }));
    attempt(() => link.deassign({ ...doorbell, eventfd: kickFd }));
    kickFd.close();
    parentPort.postMessage(results);
  });
`;

test('the device’s end has a reply to each request, or an error with its errno', async () => {
  const built = (name: string) => new URL(`../../../../dist/src/${name}/index.js`, import.meta.url).href;
  const workerData = { link: built('virtio/vm-link'), native: built('native'), socket: device.number };
  const worker = new Worker(CLIENT, { eval: true, workerData });
  const results = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  expect(results).toEqual(['ok', 'ERR_IOREGION_VM_LINK 1', 'ok', 'ok', 'ok', 'ERR_IOREGION_VM_LINK 2']);
  expect(asked).toEqual([{ vector: 1, address: 0xfee00000n, data: 7 }, { asserted: true }]);
  expect(binder.log).toEqual(['assign mmio 3489673220 2 any', 'deassign mmio 3489673220 2 any']);
  await worker.terminate();
});
