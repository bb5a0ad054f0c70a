/** What every device control promises to a transport, run over all of them. */
import { join } from 'node:path';
import { GuestMemory } from 'ioregion/memory';
import { EventFd } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BackendServer, VhostUserControl } from '#dist/src/vhost-user/index.js';
import { type DeviceControl, LocalControl, WorkerControl } from '#dist/src/virtio/control/index.js';
import { EventfdSink, InterruptController, InterruptSource, InterruptState } from '#dist/src/virtio/interrupt/index.js';
import { Feature } from '#dist/src/virtio/spec/index.js';
import createEchoDevice, { type EchoOptions } from '#dist/test/support/echo-device.js';
import { temporaryDirectory } from '../../../support/temporary.js';
import { SplitDriver } from '../support/split-driver.js';

const module = new URL('../../../../dist/test/support/echo-device.js', import.meta.url).href;
const QUEUES = 2;

type Start = (memory: GuestMemory, options: EchoOptions, log: (message: string) => void) => Promise<DeviceControl>;

const local =
  (blocking: boolean): Start =>
  async (memory, options, log) =>
    new LocalControl({ device: createEchoDevice(options), memory, blocking, log });
const worker: Start = (memory, options, log) =>
  WorkerControl.start({ device: { module, options }, memory: memory.share(), log });

let sockets = 0;
const directory = temporaryDirectory();
const behindBackend: Start = async (memory, options, log) => {
  const path = join(directory, `backend-${sockets++}`);
  const backend = BackendServer.listen(path, { device: createEchoDevice(options), log });
  const { queues = 1 } = options;
  const device = { deviceType: 4, queues, queueSize: 8, configBytes: 8 };
  const control = await VhostUserControl.connect({ path, memory, log, ...device });
  const { close } = control;
  return Object.assign(control, {
    close: async () => {
      await close.call(control);
      await backend.close();
    },
  });
};

const CONTROLS: readonly (readonly [string, Start])[] = [
  ['on the thread of the transport', local(false)],
  ['on a thread without an event loop', local(true)],
  ['on a Worker', worker],
  ['behind a vhost-user backend', behindBackend],
];

/** MSI-X with vector 0 for configuration changes and vector n + 1 for queue n. */
function interruptsTo(eventfds: readonly EventFd[]): InterruptSource {
  const sink = new EventfdSink(eventfds, { route: () => {}, describePin: () => null });
  const controller = new InterruptController(new InterruptSource(InterruptState.create(eventfds.length, QUEUES), sink));
  controller.setMode(true, false);
  for (const vector of eventfds.keys()) controller.setVector(vector, 'control', 0);
  controller.configVector = 0;
  for (let queue = 0; queue < QUEUES; queue++) controller.setQueueVector(queue, queue + 1);
  return controller.source;
}

/** The transport polls what it cannot be told. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 5000, interval: 5 });

describe.each(CONTROLS)('a device %s', (_where, start) => {
  let memory: GuestMemory;
  let drivers: SplitDriver[];
  let calls: EventFd[];
  let interrupts: InterruptSource;
  let control: DeviceControl;
  const logs: string[] = [];

  beforeEach(() => {
    memory = GuestMemory.create(1 << 20);
    drivers = [0, 1].map((index) => new SplitDriver(memory, index));
    calls = Array.from({ length: QUEUES + 1 }, () => EventFd.create());
    interrupts = interruptsTo(calls);
    logs.length = 0;
  });

  afterEach(async () => {
    await control.close();
    for (const call of calls) call.close();
    memory.close();
  });

  async function started(options: EchoOptions = {}, queues = [0, 1]): Promise<void> {
    control = await start(memory, { queues: QUEUES, ...options }, (message) => void logs.push(message));
    activate(queues);
  }

  function activate(queues = [0, 1]): void {
    const starts = queues.map((queue) => ({ setup: drivers[queue]!.setup, kickFd: null }));
    control.activate(Feature.version1, starts, interrupts);
  }

  const order = (number: number) => control.writeConfig(7, 1, number);

  test('is described: type, features with those of its queues, queue sizes, configuration', async () => {
    control = await start(memory, { queues: 3 }, () => {});
    expect(control.description.deviceType).toBe(4);
    expect(control.description.features & Feature.eventIdx).toBe(Feature.eventIdx);
    expect(control.description.queueSizes).toEqual([8, 8, 8]);
    expect(control.config.length).toBe(8);
  });

  test('answers what was there before the start, and calls', async () => {
    drivers[0]!.send(Uint8Array.of(1, 2, 3));
    await started();
    await eventually(() => expect(calls[1]!.testAndClear()).toBe(true));
    expect(drivers[0]!.answer(0)).toEqual(Uint8Array.of(2, 3, 4));
    expect(calls[2]!.testAndClear()).toBe(false);
  });

  test('answers kicks', async () => {
    await started();
    for (let round = 0; round < 20; round++) {
      drivers[1]!.send(Uint8Array.of(round));
      control.kick(1);
      await eventually(() => expect(drivers[1]!.usedIndex).toBe(round + 1));
      expect(drivers[1]!.answer(round)).toEqual(Uint8Array.of(round + 1));
    }
  });

  test('finishes work that it put off', async () => {
    await started({ batch: 1 });
    for (const byte of [1, 2, 3]) drivers[0]!.send(Uint8Array.of(byte));
    control.kick(0);
    await eventually(() => expect(drivers[0]!.usedIndex).toBe(3));
  });

  test('is active and its queues run from the start to the end of a reset', async () => {
    await started({}, [0]);
    const { state } = control;
    expect([state.active, state.queueRunning(0), state.queueRunning(1)]).toEqual([true, true, false]);
    control.reset();
    await eventually(() => expect(state.active).toBe(false));
    expect(state.queueRunning(0)).toBe(false);
    drivers[0]!.send(Uint8Array.of(1));
    control.kick(0);
    await control.settled();
    expect(drivers[0]!.usedIndex).toBe(0);
  });

  test('works again after a reset', async () => {
    await started();
    drivers[0]!.send(Uint8Array.of(1));
    control.kick(0);
    await eventually(() => expect(drivers[0]!.usedIndex).toBe(1));
    control.reset();
    await eventually(() => expect(control.state.active).toBe(false));
    drivers[0] = new SplitDriver(memory, 0);
    drivers[0].send(Uint8Array.of(9));
    activate();
    await eventually(() => expect(drivers[0]!.usedIndex).toBe(1));
    expect(drivers[0].answer(0)).toEqual(Uint8Array.of(10));
  });

  test('stops one queue, says where, and starts it there again while the other runs', async () => {
    await started();
    drivers[0]!.send(Uint8Array.of(1));
    control.kick(0);
    await eventually(() => expect(drivers[0]!.usedIndex).toBe(1));
    control.stopQueue(0);
    await eventually(() => expect(control.state.queueRunning(0)).toBe(false));
    const position = control.state.position(0);
    expect(position).toEqual({ available: 1, used: 1 });
    drivers[0]!.send(Uint8Array.of(2));
    drivers[1]!.send(Uint8Array.of(3));
    control.kick(1);
    await eventually(() => expect(drivers[1]!.usedIndex).toBe(1));
    expect(drivers[0]!.usedIndex).toBe(1);
    control.startQueue({ setup: { ...drivers[0]!.setup, position }, kickFd: null });
    await eventually(() => expect(drivers[0]!.usedIndex).toBe(2));
    expect(drivers[0]!.answer(1)).toEqual(Uint8Array.of(3));
  });

  // A backend carries out one message after the other: while it stops a queue it hears of nothing.
  test.runIf(start !== behindBackend)('a slow device is active until its last queue has stopped', async () => {
    await started({ slow: true });
    control.reset();
    order(0);
    expect([control.state.active, control.state.busy]).toEqual([true, true]);
    order(6);
    await eventually(() => expect(control.state.active).toBe(false));
  });

  test('what the driver writes to configuration space is read back at once, with a new generation', async () => {
    await started();
    const { generation } = control.config;
    control.writeConfig(2, 4, 0x04030201);
    expect(control.config.read(2, 4)).toBe(0x04030201);
    expect(control.config.read(3, 2)).toBe(0x0302);
    expect(control.config.generation).not.toBe(generation);
    expect(calls[0]!.testAndClear()).toBe(false);
  });

  test('a change by the device comes with a configuration change notification', async () => {
    await started();
    order(1);
    await eventually(() => expect(calls[0]!.testAndClear()).toBe(true));
  });

  test('a device that needs a reset says so, once, and not after the reset', async () => {
    await started();
    order(2);
    order(2);
    await eventually(() => expect(control.state.needsReset).toBe(true));
    expect(calls[0]!.take()).toBe(1n);
    control.reset();
    await eventually(() => expect(control.state.active).toBe(false));
    expect(control.state.needsReset).toBe(false);
  });

  test('a ring that is malformed, or not in memory, fails its queue; the other one goes on', async () => {
    await started();
    await control.settled();
    drivers[0]!.sendNonsense();
    control.kick(0);
    await eventually(() => expect(control.state.needsReset).toBe(true));
    drivers[1]!.send(Uint8Array.of(1));
    control.kick(1);
    await eventually(() => expect(drivers[1]!.usedIndex).toBe(1));
    control.reset();
    await eventually(() => expect(control.state.active).toBe(false));
    const setup = { ...drivers[0]!.setup, deviceArea: 1n << 63n };
    control.activate(Feature.version1, [{ setup, kickFd: null }], interrupts);
    await eventually(() => expect(control.state.needsReset).toBe(true));
  });

  test.each(['activate', 'start', 'kick', 'reject', 'write'] as const)(
    'a device that throws in %s needs a reset',
    async (fault) => {
      await started({ fault });
      if (fault === 'write') control.writeConfig(0, 1, 1);
      await eventually(() => expect(control.state.needsReset).toBe(true));
      control.reset();
      await eventually(() => expect(control.state.active).toBe(false));
      await eventually(() => expect(logs.length).toBeGreaterThan(0));
    },
  );

  test.each(['stop', 'reset'] as const)('a device that throws in %s is reset all the same', async (fault) => {
    await started({ fault });
    control.reset();
    await eventually(() => expect(control.state.active).toBe(false));
    activate();
    expect(control.state.active).toBe(true);
  });

  test('closing ends it, twice over', async () => {
    await started();
    await control.close();
    expect([control.state.active, control.state.needsReset]).toEqual([false, true]);
    control.kick(0);
    control.reset();
    expect(control.state.active).toBe(false);
  });
});
