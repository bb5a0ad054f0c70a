/** Rings: what starts and stops them, who kicks and who is called. */
import type { GuestMemory } from 'ioregion/memory';
import type { MockFrontend, MockQueue, MockRingOptions } from 'ioregion/testing';
import {
  BACKEND_RING_FEATURES,
  BackendRequest,
  decodeVringState,
  encodeU64,
  encodeVringState,
  FrontendRequest,
  ProtocolFeature,
  VhostFeature,
} from 'ioregion/vhost-user';
import { Feature } from 'ioregion/virtio';
import { beforeEach, describe, expect, test } from 'vitest';
import type { EchoDevice } from '#dist/test/support/echo-device.js';
import { answerTo, eventually, makeMemory, makeQueue, request, type Served, serveEcho } from './support/backend.js';

const ringFeatures = BACKEND_RING_FEATURES | Feature.ringPacked;

describe.each([
  ['split', Feature.version1],
  ['packed', Feature.version1 | Feature.ringPacked],
])('a %s ring', (_format, features) => {
  let served: Served<EchoDevice>;
  let frontend: MockFrontend;
  let memory: GuestMemory;

  beforeEach(() => {
    served = serveEcho({}, { ringFeatures });
    frontend = served.connect();
    memory = makeMemory();
  });

  async function started(options: MockRingOptions = {}, index = 0): Promise<MockQueue> {
    await frontend.negotiate({ features });
    await frontend.shareMemory(memory);
    const queue = makeQueue(frontend, memory, { index, features });
    await frontend.startRing(queue.setup, options);
    return queue;
  }

  async function echoes(queue: MockQueue, text: string): Promise<void> {
    expect((await queue.send(request(text))).data).toEqual(answerTo(text));
  }

  test('is served by the device, kicked and called by eventfds', async () => {
    const queue = await started();
    for (let round = 0; round < 20; round++) await echoes(queue, `round ${round}`);
  });

  test('is looked at without kicks where no kick descriptor comes', async () => {
    const queue = await started({ kicks: 'poll' });
    const { done } = queue.add(request('polled'));
    queue.publish();
    expect((await done).data).toEqual(answerTo('polled'));
  });

  test('goes on from the base that GET_VRING_BASE has answered', async () => {
    const queue = await started();
    for (let round = 0; round < 11; round++) await echoes(queue, `before ${round}`);
    const base = await frontend.stopRing(0);
    expect(served.device.log.at(-1)).toBe('stop 0');
    const sent = queue.add(request('meanwhile'));
    queue.publish();
    await frontend.startRing(queue.setup, { base });
    expect((await sent.done).data).toEqual(answerTo('meanwhile'));
    for (let round = 0; round < 11; round++) await echoes(queue, `after ${round}`);
  });

  test('does not run while it is disabled, and runs when it is enabled', async () => {
    const queue = await started({ enable: false });
    const sent = queue.add(request('early'));
    queue.kick();
    await frontend.get(FrontendRequest.getFeatures);
    expect(sent.used).toBeUndefined();
    await frontend.enable(0, true);
    expect((await sent.done).data).toEqual(answerTo('early'));
    await frontend.enable(0, false);
    const later = queue.add(request('late'));
    queue.kick();
    await frontend.get(FrontendRequest.getFeatures);
    expect(later.used).toBeUndefined();
    await frontend.enable(0, true);
    expect((await later.done).data).toEqual(answerTo('late'));
  });

  test('runs while memory is added and replaced', async () => {
    const queue = await started();
    await echoes(queue, 'before');
    await frontend.shareMemory(memory);
    await echoes(queue, 'after');
  });

  test('gets its calls at a new eventfd from the moment it is set', async () => {
    const queue = await started();
    await echoes(queue, 'one');
    await frontend.notify(0, 'fd', 'fd');
    await echoes(queue, 'two');
  });

  test('runs beside another one that breaks a rule, whose error eventfd is signalled', async () => {
    const queue = await started();
    const wrong = makeQueue(frontend, memory, { index: 1, features });
    await frontend.startRing(wrong.setup);
    wrong.add([{ gpa: 0xffff_0000, room: 8 }]);
    wrong.kick();
    await eventually(() => expect(frontend.takeErrors(1)).toBeGreaterThan(0));
    await echoes(queue, 'still here');
  });
});

test('a ring is enabled from the beginning where protocol features have not been negotiated', async () => {
  const served = serveEcho();
  const frontend = served.connect();
  const memory = makeMemory();
  frontend.tell(FrontendRequest.setFeatures, encodeU64(Feature.version1));
  await frontend.shareMemory(memory);
  const queue = makeQueue(frontend, memory);
  await frontend.startRing(queue.setup, { enable: null });
  expect((await queue.send(request('hello'))).data).toEqual(answerTo('hello'));
});

describe('in-band notifications', () => {
  const INBAND =
    ProtocolFeature.inbandNotifications |
    ProtocolFeature.backendReq |
    ProtocolFeature.replyAck |
    ProtocolFeature.config;

  async function inband(acknowledgeCalls = true) {
    const served = serveEcho({}, { acknowledgeCalls });
    const frontend = served.connect();
    const memory = makeMemory();
    await frontend.negotiate({ protocolFeatures: INBAND });
    await frontend.shareMemory(memory);
    const queue = makeQueue(frontend, memory);
    await frontend.startRing(queue.setup, { kicks: 'inband', calls: 'inband' });
    const channel = frontend.channel!;
    channel.onRequest = ({ request: number, payload }) => {
      if (number === BackendRequest.vringCall && decodeVringState(payload).index === 0) queue.called();
    };
    return { served, frontend, memory, queue, channel };
  }

  test.each([
    ['BACKEND_REQ', ProtocolFeature.inbandNotifications | ProtocolFeature.replyAck],
    ['REPLY_ACK', ProtocolFeature.inbandNotifications | ProtocolFeature.backendReq],
  ])('without %s close the connection', async (_missing, features) => {
    const served = serveEcho();
    const frontend = served.connect();
    frontend.tell(FrontendRequest.setProtocolFeatures, encodeU64(features));
    await frontend.closed;
    await eventually(() => expect(served.log.join()).toContain('in-band notifications need'));
  });

  test('carry kicks and calls', async () => {
    const { queue, channel } = await inband();
    for (let round = 0; round < 10; round++)
      expect((await queue.send(request(`r${round}`))).data).toEqual(answerTo(`r${round}`));
    expect(channel.requests.every(({ request: number, needsReply }) => number === 4 && needsReply)).toBe(true);
  });

  test('are answered where the kick asks for it, while a call is unanswered', async () => {
    const { frontend, queue, channel } = await inband();
    channel.answer = null;
    const first = queue.add(request('first'));
    queue.publish();
    await frontend.order(FrontendRequest.vringKick, encodeVringState({ index: 0, value: 0 }));
    await first.done;
    const second = queue.add(request('second'));
    queue.publish();
    await frontend.order(FrontendRequest.vringKick, encodeVringState({ index: 0, value: 0 }));
    await eventually(() => expect(queue.collect() + Number(second.used !== undefined)).toBeGreaterThan(0));
    expect(channel.requests).toHaveLength(1);
    channel.answerAll();
    await eventually(() => expect(channel.requests).toHaveLength(2));
  });

  test('do not ask for answers where the backend is told not to', async () => {
    const { queue, channel } = await inband(false);
    await queue.send(request('x'));
    expect(channel.requests).toMatchObject([{ request: BackendRequest.vringCall, needsReply: false }]);
  });

  test('say that a ring has failed', async () => {
    const { frontend, queue, channel } = await inband();
    await frontend.order(FrontendRequest.setVringErr, encodeU64(0x100));
    queue.add([{ gpa: 0xffff_0000, room: 8 }]);
    queue.kick();
    await eventually(() =>
      expect(channel.requests.some(({ request: number }) => number === BackendRequest.vringErr)).toBe(true),
    );
  });

  test('are not used for a ring that has eventfds', async () => {
    const { frontend, queue, channel } = await inband();
    await frontend.notify(0, 'fd', 'fd');
    expect((await queue.send(request('by fd'))).data).toEqual(answerTo('by fd'));
    expect(channel.requests.filter(({ request: number }) => number === BackendRequest.vringCall)).toEqual([]);
  });

  test('are refused where they were not negotiated', async () => {
    const frontend = serveEcho().connect();
    await frontend.negotiate();
    await expect(frontend.order(FrontendRequest.vringKick, encodeVringState({ index: 0, value: 0 }))).rejects.toThrow(
      'refused',
    );
  });
});

test('a device that changes its configuration says so on the backend channel', async () => {
  const served = serveEcho();
  const frontend = served.connect();
  await frontend.negotiate({
    protocolFeatures: ProtocolFeature.replyAck | ProtocolFeature.backendReq | ProtocolFeature.config,
  });
  const memory = makeMemory();
  await frontend.shareMemory(memory);
  const queue = makeQueue(frontend, memory);
  await frontend.startRing(queue.setup);
  served.device.config.bytes[0] = 9;
  served.device.host!.configChanged();
  await eventually(() =>
    expect(frontend.channel!.requests).toMatchObject([{ request: BackendRequest.configChangeMsg }]),
  );
});

test('the vhost bits of the features do not reach the device', async () => {
  const served = serveEcho();
  const frontend = served.connect();
  await frontend.negotiate();
  expect(frontend.features & VhostFeature.protocolFeatures).not.toBe(0n);
  await frontend.shareMemory(makeMemory());
  const queue = makeQueue(frontend, makeMemory());
  await frontend.startRing(queue.setup);
  expect(served.device.log[0]).toBe(`activate ${Feature.version1}`);
});
