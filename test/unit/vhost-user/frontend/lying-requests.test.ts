/** What a backend may send unasked: on its own channel, and on that of the frontend. */
import fc from 'fast-check';
import { EventFd } from 'ioregion/native';
import { describe, expect, test } from 'vitest';
import type { MockBackendConnection, MockMessage } from '#dist/src/testing/mock-backend/index.js';
import { BackendRequest, decodeU64, encodeU64, encodeVringState, HeaderFlag } from '#dist/src/vhost-user/index.js';
import { expectOpenFds, openFds } from '../../../support/open-fds.js';
import { temporaryDirectory } from '../../../support/temporary.js';
import { eventually, type MockMachine, mockMachine } from '../support/mock-machine.js';

const directory = temporaryDirectory();
const version = HeaderFlag.version;
const ask = version | HeaderFlag.needReply;
const none = new Uint8Array(0);
const vring = (index: number) => encodeVringState({ index, value: 0 });

async function running(inband = true): Promise<MockMachine> {
  const made = await mockMachine(directory, { control: { inband } });
  made.driver.start();
  await made.control.settled();
  return made;
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('a request of the backend', () => {
  test.each<[string, MockMessage]>([
    ['a reply that nobody asked for', { request: BackendRequest.configChangeMsg, payload: none }],
    ['another version', { request: BackendRequest.configChangeMsg, payload: none, flags: 2 }],
    [
      'a configuration change with a payload',
      { request: BackendRequest.configChangeMsg, payload: vring(0), flags: ask },
    ],
    ['a call without a payload', { request: BackendRequest.vringCall, payload: none, flags: ask }],
    ['a call with half of one', { request: BackendRequest.vringCall, payload: none.slice(0, 4), flags: ask }],
    ['an IOTLB message cut short', { request: BackendRequest.iotlbMsg, payload: encodeU64(1), flags: ask }],
    ['a size beyond all bounds', { request: BackendRequest.vringErr, payload: none, size: 2 ** 31, flags: ask }],
  ])('that is %s ends the connection: the device needs a reset, and works after it', async (_name, message) => {
    const { backend, control, driver } = await running();
    backend.connection.request(message);
    await eventually(() => expect(control.state.needsReset).toBe(true));
    await eventually(() => expect(backend.connections[0]!.closed).toBe(true));
    await driver.reset();
    await eventually(() => expect(control.connected).toBe(true));
    driver.start();
    await control.settled();
    expect(control.state.needsReset).toBe(false);
  });

  test('with descriptors where none belong ends the connection, and they are closed', async () => {
    await settle();
    const before = openFds();
    const made = await running();
    const { backend, control } = made;
    using fd = EventFd.create();
    backend.connection.request({ request: BackendRequest.vringCall, payload: vring(0), flags: ask, fds: [fd, fd] });
    await eventually(() => expect(control.state.needsReset).toBe(true));
    fd.close();
    await made.close();
    await expectOpenFds(before);
  });

  test('for in-band notifications that were not negotiated ends the connection', async () => {
    const { backend, control } = await running(false);
    backend.connection.request({ request: BackendRequest.vringCall, payload: vring(0), flags: ask });
    await eventually(() => expect(control.state.needsReset).toBe(true));
  });

  test.each([
    ['one of an id that nobody knows', { request: 99, payload: vring(0) }],
    ['a host notifier', { request: BackendRequest.vringHostNotifierMsg, payload: new Uint8Array(24) }],
    ['a call of a queue that does not exist', { request: BackendRequest.vringCall, payload: vring(0xffff_ffff) }],
  ])('that cannot be carried out is refused, and the device goes on: %s', async (_name, message) => {
    const { backend, control, driver } = await running();
    using fd = EventFd.create();
    const fds = message.request === BackendRequest.vringHostNotifierMsg ? [fd] : [];
    backend.connection.request({ ...message, flags: ask, fds });
    await eventually(() => expect(backend.connection.answers.map(decodeU64)).toEqual([1n]));
    const { calls } = driver.queue(0);
    backend.connection.callInband(0);
    await eventually(() => expect(driver.queue(0).calls).toBe(calls + 1));
    expect(control.state.needsReset).toBe(false);
  });

  test('an in-band error means that the device needs a reset', async () => {
    const { backend, control } = await running();
    backend.connection.request({ request: BackendRequest.vringErr, payload: vring(0), flags: version });
    await eventually(() => expect(control.state.needsReset).toBe(true));
  });

  test('a channel that the backend closes is no failure', async () => {
    const { backend, control } = await running();
    backend.connection.closeChannel();
    control.kick(0);
    await control.writeConfig(32, 1, 1);
    expect(backend.connection.config[32]).toBe(1);
    expect(control.state.needsReset).toBe(false);
  });
});

describe('a base of a vring', () => {
  test.each([0x1_0000, 0xffff_ffff])(
    'that no split ring can have (%i) is a failure of the device',
    async (vringBase) => {
      const { control, driver } = await mockMachine(directory, { backend: { vringBase } });
      driver.start();
      control.stopQueue(0);
      await control.settled();
      expect([control.state.queueRunning(0), control.state.needsReset]).toEqual([false, true]);
    },
  );
});

/** A message as it may come, and where. */
const anything = fc.record({
  channel: fc.boolean(),
  request: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.nat(0xffff_ffff)),
  payload: fc.uint8Array({ maxLength: 64 }),
  flags: fc.constantFrom(1, 5, 9, 13, 2, 0xffff_fff1, 0),
  size: fc.option(fc.nat(0xffff_ffff), { nil: undefined, freq: 10 }),
  fds: fc.integer({ min: 0, max: 3 }),
});

function say(connection: MockBackendConnection, { channel, fds, size, ...message }: Sent): void {
  const passed = Array.from({ length: fds }, () => EventFd.create());
  const sent = { ...message, fds: passed, ...(size === undefined ? {} : { size }) };
  try {
    if (channel) connection.request(sent);
    else connection.send(sent);
  } catch {
    // The frontend has ended the connection already.
  }
  for (const fd of passed) fd.close();
}

type Sent = typeof anything extends fc.Arbitrary<infer Value> ? Value : never;

describe('random messages', () => {
  test('at any moment leave a device that works after a reset, and nothing open', async () => {
    await settle();
    const before = openFds();
    const made = await mockMachine(directory, { control: { replyMs: 100, retryMs: 1 } });
    const { backend, control, driver } = made;
    await fc.assert(
      fc.asyncProperty(fc.array(anything, { minLength: 1, maxLength: 6 }), fc.boolean(), async (sent, early) => {
        driver.start();
        if (!early) await control.settled();
        for (const message of sent) say(backend.connection, message);
        await control.settled();
        await driver.reset();
        await eventually(() => expect(control.connected).toBe(true));
        await control.settled();
        driver.start();
        await control.settled();
        await eventually(() => expect(backend.connection.vrings[0]!.enabled).toBe(true));
        await driver.reset();
      }),
      { numRuns: 300 },
    );
    await made.close();
    await expectOpenFds(before);
  });
});
