/** What can only go wrong with a device on a Worker of its own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { GuestMemory } from 'ioregion/memory';
import { EventFd } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DeviceWorkerError, WorkerControl, type WorkerControlOptions } from '#dist/src/virtio/control/index.js';
import { InterruptSource, InterruptState } from '#dist/src/virtio/interrupt/index.js';
import { expectOpenFds, openFds, threadCount } from '../../../support/open-fds.js';
import { temporaryDirectory } from '../../../support/temporary.js';
import { RecordedSink } from '../support/recorded-sink.js';
import { SplitDriver } from '../support/split-driver.js';

const module = new URL('../../../../dist/test/support/echo-device.js', import.meta.url).href;
const describedSink = { signal: () => {}, describe: () => ({ kind: 'eventfds', eventfds: [], pin: null }) as const };
const interrupts = new InterruptSource(InterruptState.create(0, 2), describedSink);
const directory = temporaryDirectory();
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 5000, interval: 5 });

let memory: GuestMemory;
let control: WorkerControl | null;

async function start(options: Partial<WorkerControlOptions> = {}): Promise<WorkerControl> {
  control = await WorkerControl.start({ device: { module, options: {} }, memory: memory.share(), ...options });
  return control;
}

beforeEach(() => {
  memory = GuestMemory.create(1 << 20);
  control = null;
});

afterEach(async () => {
  await control?.close();
  memory.close();
});

describe('a device on a Worker', () => {
  test('that cannot be loaded is an error, and leaves no thread behind', async () => {
    const threads = threadCount();
    await expect(start({ device: { module: '/no/such/file.js' } })).rejects.toThrow(DeviceWorkerError);
    await expect(start({ device: { module, factory: 'none' } })).rejects.toThrow(/none/);
    await expect(start({ memory: { fds: [], regions: [] } })).rejects.toThrow(DeviceWorkerError);
    await eventually(() => expect(threadCount()).toBe(threads));
  });

  test('leaves nothing open when it is closed', async () => {
    const [fds, threads] = [openFds(), threadCount()];
    const running = await start();
    running.activate(0n, [{ setup: new SplitDriver(memory).setup, kickFd: null }], interrupts);
    await running.close();
    await expectOpenFds(fds);
    await eventually(() => expect(threadCount()).toBe(threads));
  });

  test('opens nothing with each activation: a driver may reset as often as it likes', async () => {
    const sink = { kind: 'eventfds', eventfds: [0, 1], pin: { kind: 'link', socket: 2 } } as const;
    const shared = new InterruptSource(InterruptState.create(2, 2), { ...describedSink, describe: () => sink });
    const running = await start();
    const cycle = async () => {
      running.activate(0n, [{ setup: new SplitDriver(memory).setup, kickFd: null }], shared);
      running.reset();
      await running.settled();
    };
    await cycle();
    const before = openFds().length;
    for (let round = 0; round < 20; round++) await cycle();
    await eventually(() => expect(openFds().length).toBeLessThanOrEqual(before));
  });

  test('is kicked by the eventfd of the transport, without its thread', async () => {
    using kickFd = EventFd.create();
    const driver = new SplitDriver(memory);
    const running = await start();
    running.activate(0n, [{ setup: driver.setup, kickFd }], interrupts);
    driver.send(Uint8Array.of(1));
    kickFd.signal();
    await eventually(() => expect(driver.usedIndex).toBe(1));
    driver.send(Uint8Array.of(2));
    running.kick(0);
    await eventually(() => expect(driver.usedIndex).toBe(2));
    await running.close();
  });

  test('that throws where nobody catches needs a reset, and works after it', async () => {
    const logs: string[] = [];
    const running = await start({ log: (message) => void logs.push(message) });
    const driver = new SplitDriver(memory);
    running.activate(0n, [{ setup: driver.setup, kickFd: null }], interrupts);
    running.writeConfig(7, 1, 3);
    await eventually(() => expect(running.state.needsReset).toBe(true));
    running.reset();
    await eventually(() => expect(running.state.active).toBe(false));
    expect(logs.join()).toContain('uncaught by order');
    driver.send(Uint8Array.of(1));
    running.activate(0n, [{ setup: driver.setup, kickFd: null }], interrupts);
    await eventually(() => expect(driver.usedIndex).toBe(1));
  });

  test('whose thread ends needs a reset for ever, and nothing waits for it', async () => {
    const running = await start();
    running.activate(0n, [{ setup: new SplitDriver(memory).setup, kickFd: null }], interrupts);
    running.writeConfig(7, 1, 4);
    await eventually(() => expect(running.state.ended).toBe(true));
    running.reset();
    running.finishReset();
    expect([running.state.active, running.state.needsReset, running.state.queueRunning(0)]).toEqual([
      false,
      true,
      false,
    ]);
    running.writeConfig(0, 1, 1);
    running.kick(0);
    await running.settled();
  });

  test('does not start with interrupts that cannot leave this thread', async () => {
    const running = await start();
    running.activate(0n, [], new InterruptSource(InterruptState.create(0, 2), new RecordedSink()));
    expect([running.state.active, running.state.needsReset]).toEqual([false, true]);
  });

  test('that says too much to a transport that does not listen is cut short', async () => {
    const logs: string[] = [];
    const running = await start({ log: (message) => void logs.push(message) });
    running.activate(0n, [], interrupts);
    running.writeConfig(7, 1, 5);
    running.writeConfig(7, 1, 5);
    await running.settled();
    expect(logs.length).toBeGreaterThan(0);
    expect(logs.length).toBeLessThanOrEqual(64);
    running.writeConfig(7, 1, 5);
    await running.settled();
    expect(logs.length).toBeLessThanOrEqual(128);
  });
});

/** A transport that never returns to its event loop, as on a vCPU: all it knows of the device is in shared memory. */
const BLOCKED = `
  const { workerData, parentPort } = require('node:worker_threads');
  const modules = workerData.modules.map((module) => import(module));
  Promise.all(modules).then(async ([{ WorkerControl }, { InterruptSource, InterruptState }, { GuestMemory }]) => {
    const memory = GuestMemory.fromShared(workerData.memory);
    const control = await WorkerControl.start({ device: workerData.device, memory: workerData.memory });
    const sink = { signal() {}, describe: () => ({ kind: 'eventfds', eventfds: [], pin: null }) };
    const interrupts = new InterruptSource(InterruptState.create(0, 2), sink);
    const until = (done) => {
      const end = Date.now() + 5000;
      while (!done()) if (Date.now() > end) throw new Error('too late: ' + done);
    };
    for (let round = 0; round < 3; round++) {
      control.activate(0n, [{ setup: workerData.setup, kickFd: null }], interrupts);
      until(() => memory.readU16(Number(workerData.setup.deviceArea) + 2) === 1);
      control.writeConfig(0, 1, round + 1);
      if (control.config.read(0, 1) !== round + 1) throw new Error('configuration');
      control.stopQueue(0);
      until(() => !control.state.queueRunning(0));
      control.reset();
      if (round === 0) control.finishReset();
      else until(() => !control.state.active);
      if (control.state.active) throw new Error('the reset is not done');
    }
    parentPort.postMessage('done');
  });
`;

test('a transport that never returns to its event loop starts, stops and resets the device', async () => {
  const modules = ['virtio/control', 'virtio/interrupt', 'memory'].map(
    (name) => new URL(`../../../../dist/src/${name}/index.js`, import.meta.url).href,
  );
  const driver = new SplitDriver(memory);
  driver.send(Uint8Array.of(1));
  const workerData = { modules, memory: memory.share(), device: { module, options: {} }, setup: driver.setup };
  const worker = new Worker(BLOCKED, { eval: true, workerData });
  const outcome = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  expect(outcome).toBe('done');
  await worker.terminate();
});

test('gives its state to a thread that waits, and takes one over or says why not', async () => {
  const image = join(directory, 'image');
  writeFileSync(image, new Uint8Array(4096));
  const disk = new URL('../../../../dist/src/virtio/devices/blk/index.js', import.meta.url).href;
  const running = await start({ device: { module: disk, options: { path: image } } });
  expect(running.saveDevice()).toEqual({ writeback: true });
  running.restoreDevice({ writeback: false });
  expect(running.saveDevice()).toEqual({ writeback: false });
  const refused = expect.objectContaining({ code: 'ERR_IOREGION_DEVICE_STATE' });
  expect(() => running.restoreDevice({ writeback: 1 })).toThrow(refused);
  await running.close();
  expect(() => running.saveDevice()).toThrow(refused);
});
