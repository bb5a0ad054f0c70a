/** I/O virtual addresses: asked for where they are missing, used while they are there, forgotten when they are taken. */
import type { GuestMemory } from 'ioregion/memory';
import { type MockFrontend, type MockQueue, USER_BASE } from 'ioregion/testing';
import {
  BACKEND_RING_FEATURES,
  BackendRequest,
  decodeIotlb,
  encodeIotlb,
  FrontendRequest,
  IotlbAccess,
  type IotlbMessage,
  IotlbType,
  ProtocolFeature,
} from 'ioregion/vhost-user';
import { Feature } from 'ioregion/virtio';
import { describe, expect, test } from 'vitest';
import type { EchoDevice } from '#dist/test/support/echo-device.js';
import { answerTo, eventually, makeMemory, makeQueue, request, type Served, serveEcho } from './support/backend.js';

const PAGE = 4096n;

interface Translated {
  readonly served: Served<EchoDevice>;
  readonly frontend: MockFrontend;
  readonly memory: GuestMemory;
  readonly queue: MockQueue;
  readonly misses: IotlbMessage[];
}

const tell = (frontend: MockFrontend, message: IotlbMessage) =>
  frontend.order(FrontendRequest.iotlbMsg, encodeIotlb(message));

/** A frontend that answers each miss with the page around it. */
async function translated(
  features: bigint,
  answers = true,
  bytes?: number,
  protocolFeatures: bigint = ProtocolFeature.replyAck | ProtocolFeature.backendReq,
): Promise<Translated> {
  const served = serveEcho({}, { ringFeatures: BACKEND_RING_FEATURES | Feature.ringPacked | Feature.accessPlatform });
  const frontend = served.connect();
  const memory = makeMemory(bytes === undefined ? undefined : 2 * bytes);
  await frontend.negotiate({ features: features | Feature.accessPlatform, protocolFeatures });
  await frontend.shareMemory(memory);
  const misses: IotlbMessage[] = [];
  frontend.channel!.onRequest = ({ request: number, payload }) => {
    if (number !== BackendRequest.iotlbMsg) return;
    const miss = decodeIotlb(payload);
    misses.push(miss);
    if (answers) tell(frontend, pageAt(miss.iova, IotlbAccess.read | IotlbAccess.write)).catch(() => {});
  };
  const place = bytes === undefined ? {} : { bytes };
  const queue = makeQueue(frontend, memory, { features: features | Feature.accessPlatform, ...place });
  await frontend.startRing(queue.setup, { iova: true });
  return { served, frontend, memory, queue, misses };
}

function pageAt(iova: bigint, access: number): IotlbMessage {
  const start = iova - (iova % PAGE);
  return { iova: start, size: PAGE, userAddress: USER_BASE + start, access, type: IotlbType.update };
}

const invalidate = (iova: bigint, size: bigint): IotlbMessage => ({
  iova,
  size,
  userAddress: 0n,
  access: 0,
  type: IotlbType.invalidate,
});

describe.each([
  ['split', Feature.version1],
  ['split, indirect', Feature.version1 | Feature.indirectDesc],
  ['packed', Feature.version1 | Feature.ringPacked],
])('translations for a ring that is %s', (_format, features) => {
  test('are asked for one by one, and the chains that need them wait', async () => {
    const { queue, misses } = await translated(features);
    const indirect = (features & Feature.indirectDesc) !== 0n;
    for (let round = 0; round < 5; round++) {
      const sent = queue.send(request(`round ${round}`), { indirect });
      expect((await sent).data).toEqual(answerTo(`round ${round}`));
    }
    expect(misses.length).toBeGreaterThan(0);
    expect(misses.every(({ type }) => type === IotlbType.miss)).toBe(true);
    expect(new Set(misses.map(({ iova }) => iova)).size).toBe(misses.length);
  });

  test.each([
    ['a range', invalidate(0n, 2n ** 40n)],
    ['all addresses, which QEMU writes as the size 0', invalidate(0n, 0n)],
    ['a range up to the last address', invalidate(PAGE, 2n ** 64n - PAGE)],
  ])('that are taken back by %s are asked for again', async (_what, taken) => {
    const { frontend, queue, misses } = await translated(features);
    await queue.send(request('one'));
    const before = misses.length;
    await tell(frontend, taken);
    expect((await queue.send(request('two'))).data).toEqual(answerTo('two'));
    expect(misses.length).toBeGreaterThan(before);
  });
});

test('what two rings lack is asked for once, however many answers to other questions come meanwhile', async () => {
  const { frontend, memory, misses } = await translated(Feature.version1, false);
  const second = makeQueue(frontend, memory, { index: 1, features: Feature.version1 | Feature.accessPlatform });
  await frontend.startRing(second.setup, { iova: true });
  for (let round = 0; round < 10; round++) await tell(frontend, pageAt(0xf_0000n, 3));
  expect(new Set(misses.map(({ iova, access }) => `${iova} ${access}`)).size).toBe(misses.length);
  const before = misses.length;
  await tell(frontend, invalidate(0n, 2n ** 40n));
  await eventually(() => expect(misses.length).toBe(2 * before));
});

test('the next translation is asked for when the frontend has acknowledged the question before', async () => {
  const { frontend, memory, misses } = await translated(Feature.version1, false);
  const settled = () => tell(frontend, pageAt(0xf_0000n, 3));
  await settled();
  const before = misses.length;
  const channel = frontend.channel!;
  channel.answer = null;
  const second = makeQueue(frontend, memory, { index: 1, features: Feature.version1 | Feature.accessPlatform });
  await frontend.startRing(second.setup, { iova: true });
  await settled();
  expect(misses.length).toBe(before + 1);
  channel.answerAll();
  await eventually(() => expect(misses.length).toBe(before + 2));
});

test.each([
  ['has come', (iova: bigint) => pageAt(iova, 3)],
  ['has been taken back', (iova: bigint) => invalidate(iova - (iova % PAGE), PAGE)],
])('what %s while it waited to be asked for is asked for no more by a ring that has ended', async (_what, message) => {
  const { frontend, memory, misses } = await translated(Feature.version1, false);
  const settled = () => tell(frontend, pageAt(0xf_0000n, 3));
  await settled();
  const channel = frontend.channel!;
  channel.answer = null;
  const second = makeQueue(frontend, memory, { index: 1, features: Feature.version1 | Feature.accessPlatform });
  await frontend.startRing(second.setup, { iova: true });
  await settled();
  const before = misses.length;
  await frontend.stopRing(1);
  const { descriptors, driverArea, deviceArea } = second.setup;
  for (const iova of [descriptors, driverArea, deviceArea]) await tell(frontend, message(iova));
  const again = misses.length - before;
  channel.answerAll();
  await settled();
  expect([again, misses.length - before]).toEqual([0, 0]);
});

test('a chain of as many pages as Linux sends runs, though its translations come one by one', {
  timeout: 60_000,
}, async () => {
  const { queue, misses } = await translated(Feature.version1, true, 2 << 20);
  const long = new Uint8Array(1280 << 10).fill(7);
  const { data } = await queue.send([{ bytes: long }, { room: 64 }]);
  expect(data).toEqual(new Uint8Array(64).fill(8));
  expect(misses.length).toBeGreaterThan(320);
});

test('a ring does not run before its areas are translated', async () => {
  const { served, frontend, queue, misses } = await translated(Feature.version1, false);
  await eventually(() => expect(misses.length).toBeGreaterThan(0));
  expect(served.device.log).not.toContain('start 0');
  for (let page = 0n; page < 32n; page++) await tell(frontend, pageAt(page * PAGE, 3));
  expect(served.device.log).toContain('start 0');
  expect((await queue.send(request('x'))).data).toEqual(answerTo('x'));
});

test('without REPLY_ACK translations are asked for as they are missed', async () => {
  const { frontend, queue, misses } = await translated(Feature.version1, true, undefined, ProtocolFeature.backendReq);
  expect((await queue.send(request('x'))).data).toEqual(answerTo('x'));
  expect(misses.length).toBeGreaterThan(1);
  expect(frontend.channel!.requests.some(({ needsReply }) => needsReply)).toBe(false);
});

test('translations that are none are refused, and of devices without ACCESS_PLATFORM all are', async () => {
  const { frontend } = await translated(Feature.version1, false);
  const good = pageAt(0n, 3);
  const bad = [
    { ...good, size: 0n },
    { ...good, userAddress: 1n },
    { ...good, userAddress: USER_BASE + 0x800n },
    { ...good, size: 2n ** 63n },
    { ...good, iova: 2n ** 64n - 1n },
    { ...good, type: IotlbType.miss },
    { ...good, type: 9 },
  ];
  for (const message of bad) await expect(tell(frontend, message)).rejects.toThrow('refused');
  const plain = serveEcho().connect();
  await plain.negotiate();
  await expect(tell(plain, good)).rejects.toThrow('refused');
});
