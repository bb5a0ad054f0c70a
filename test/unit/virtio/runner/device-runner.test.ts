import { GuestMemory } from 'ioregion/memory';
import { EventFd, Mapping } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DeviceRunner, QueueFigures, type RunnerQueue } from '#dist/src/virtio/runner/index.js';
import { EchoDevice, type EchoOptions } from '#dist/test/support/echo-device.js';
import { SplitDriver } from '../support/split-driver.js';

let memory: GuestMemory;
let driver: SplitDriver;
const resets: string[] = [];
const logs: string[] = [];
let calls: number;
let later: (() => void)[];

beforeEach(() => {
  memory = GuestMemory.create(1 << 20);
  driver = new SplitDriver(memory);
  resets.length = 0;
  logs.length = 0;
  calls = 0;
  later = [];
});

afterEach(() => memory.close());

/** A runner whose later work is done by `runLater`. */
function runner(options: EchoOptions = {}) {
  const device = new EchoDevice(options);
  const events = {
    needsReset: (reason: string) => void resets.push(reason),
    configChanged: () => {},
    log: (message: string) => void logs.push(message),
  };
  return { device, runner: new DeviceRunner({ device, memory, events, later: (work) => void later.push(work) }) };
}

const runLater = () => {
  for (let work = later.shift(); work !== undefined; work = later.shift()) work();
};
const queue = (kickFd: EventFd | null = null): RunnerQueue => ({
  setup: driver.setup,
  kickFd,
  call: () => void calls++,
});

describe('the figures of a queue', () => {
  test('go on over restarts, and are read through another mapping', () => {
    using file = QueueFigures.createFile(2);
    const figures = QueueFigures.open(file.number, 2);
    const device = new EchoDevice();
    const events = { needsReset: () => {}, configChanged: () => {}, log: () => {} };
    const run = new DeviceRunner({ device, memory, events, figures, later: (work) => void later.push(work) });
    for (let starts = 0; starts < 2; starts++) {
      const setup = starts === 0 ? driver.setup : { ...driver.setup, position: { available: 1, used: 1 } };
      driver.send(Uint8Array.of(1));
      run.start(0n, [{ setup, kickFd: null, call: () => void calls++ }]);
      runLater();
      run.reset();
    }
    const reader = QueueFigures.open(file.number, 2);
    const none = { kicks: 0, popped: 0, completed: 0, calls: 0, suppressedCalls: 0 };
    expect(reader.read()).toMatchObject([{ ...none, kicks: 2, popped: 2, completed: 2, calls: 2 }, none]);
    figures.close();
    reader.close();
  });

  test('that another process has scribbled on are read as 0', () => {
    using file = QueueFigures.createFile(1);
    const figures = QueueFigures.open(file.number, 1);
    using other = Mapping.ofFile(file, { length: 4096 });
    new Float64Array(other.buffer).set([Number.NaN, -1, 1e300, 0.5, 7]);
    expect(figures.read()).toMatchObject([{ kicks: 0, popped: 0, completed: 0, calls: 0, suppressedCalls: 7 }]);
    figures.close();
  });
});

describe('a device on a runner', () => {
  test('is activated, then its queues are started, then each is kicked once', () => {
    const { device, runner: run } = runner();
    driver.send(Uint8Array.of(1, 2));
    run.start(5n, [queue()]);
    expect(device.log).toEqual(['activate 5', 'start 0']);
    runLater();
    expect(device.log.at(-1)).toBe('kick 0');
    expect([driver.usedIndex, driver.answer(0), calls]).toEqual([1, Uint8Array.of(2, 3), 1]);
  });

  test('is kicked by its eventfd, which is cleared first', async () => {
    using kickFd = EventFd.create();
    const { runner: run } = runner();
    run.start(0n, [queue(kickFd)]);
    runLater();
    driver.send(Uint8Array.of(7));
    kickFd.signal();
    await vi.waitFor(() => expect(driver.usedIndex).toBe(1));
    expect(kickFd.testAndClear()).toBe(false);
    run.reset();
  });

  test('loses none of the kicks that follow each other at once, and leaves the event loop its turns', async () => {
    using kickFd = EventFd.create();
    const { device, runner: run } = runner();
    let kicks = 0;
    let kicksAtTimer = 0;
    vi.spyOn(device, 'kick').mockImplementation(() => {
      if (++kicks < 1000) kickFd.signal();
    });
    run.start(0n, [queue(kickFd)]);
    runLater();
    setTimeout(() => {
      kicksAtTimer = kicks;
    }, 0);
    await vi.waitFor(() => expect(kicks).toBe(1000));
    expect(kicksAtTimer).toBeGreaterThan(0);
    expect(kicksAtTimer).toBeLessThan(1000);
    run.reset();
  });

  test('asks for another kick, and is kicked once however often it asks', () => {
    const { device, runner: run } = runner({ batch: 1 });
    run.start(0n, [queue()]);
    runLater();
    for (const byte of [1, 2, 3]) driver.send(Uint8Array.of(byte));
    device.host?.kickLater(0);
    device.host?.kickLater(0);
    expect(later).toHaveLength(1);
    runLater();
    expect(driver.usedIndex).toBe(3);
  });

  test('stops at once where nothing is in flight, and knows its position', () => {
    const { runner: run } = runner();
    run.start(0n, [queue()]);
    driver.send(Uint8Array.of(1));
    run.kick(0);
    expect(run.stopQueue(0)).toEqual({ available: 1, used: 1 });
    expect(run.stopQueue(0)).toBeNull();
    run.kick(0);
    expect(driver.usedIndex).toBe(1);
  });

  test('goes on from a position, as after a queue reset or a migration', () => {
    const { runner: run } = runner();
    run.start(0n, [queue()]);
    driver.send(Uint8Array.of(1));
    run.kick(0);
    const position = run.stopQueue(0);
    driver.send(Uint8Array.of(2));
    run.startQueue({
      ...queue(),
      setup: { ...driver.setup, position: position as { available: number; used: number } },
    });
    runLater();
    expect([driver.usedIndex, driver.answer(1)]).toEqual([2, Uint8Array.of(3)]);
  });

  test('that takes its time to stop is waited for, and not kicked meanwhile', async () => {
    const { device, runner: run } = runner({ slow: true });
    run.start(0n, [queue()]);
    runLater();
    const stopped = run.stopQueue(0);
    expect(run.stopQueue(0)).toBe(stopped);
    run.kick(0);
    expect(device.log).toEqual(['activate 0', 'start 0', 'kick 0', 'stop 0']);
    device.release();
    expect(await stopped).toEqual({ available: 0, used: 0 });
  });

  test('is reset once all its queues have stopped', async () => {
    const { device, runner: run } = runner({ slow: true });
    const second = new SplitDriver(memory, 1);
    run.start(0n, [queue(), { ...queue(), setup: second.setup }]);
    const reset = run.reset();
    expect(device.log.slice(-2)).toEqual(['stop 0', 'stop 1']);
    device.release();
    await reset;
    expect(device.log.at(-1)).toBe('reset');
  });

  test('that is done at once is reset at once', () => {
    const { device, runner: run } = runner();
    run.start(0n, [queue()]);
    expect(run.reset()).toBeUndefined();
    expect(device.log.slice(-2)).toEqual(['stop 0', 'reset']);
    run.start(0n, [queue()]);
    expect(run.isRunning(0)).toBe(true);
  });

  test('that is reported slow to stop is still waited for', async () => {
    vi.useFakeTimers();
    const { device, runner: run } = runner({ slow: true });
    run.start(0n, [queue()]);
    const stopped = run.stopQueue(0);
    vi.advanceTimersByTime(5001);
    vi.useRealTimers();
    expect(logs).toEqual(['the device has not stopped queue 0 within 5000 ms']);
    expect(run.isRunning(0)).toBe(true);
    device.release();
    await stopped;
  });
});

describe('a device that fails', () => {
  test.each([
    ['activate', 'activate fails'],
    ['start', 'start fails'],
  ] as const)('in %s needs a reset, and is reset', (fault, reason) => {
    const { device, runner: run } = runner({ fault });
    run.start(0n, [queue()]);
    runLater();
    expect(resets).toEqual([reason]);
    run.reset();
    expect(device.log.at(-1)).toBe('reset');
  });

  test('in kick fails its queue, which is not kicked again', () => {
    const { device, runner: run } = runner({ fault: 'kick' });
    run.start(0n, [queue()]);
    runLater();
    expect(resets).toHaveLength(1);
    expect(resets[0]).toMatch(/kick fails/);
    run.kick(0);
    expect(device.log.filter((line) => line === 'kick 0')).toHaveLength(1);
  });

  test('in a promise that kick returned fails its queue too', async () => {
    const { runner: run } = runner({ fault: 'reject' });
    run.start(0n, [queue()]);
    runLater();
    await vi.waitFor(() => expect(resets[0]).toMatch(/kick fails late/));
  });

  test.each(['stop', 'reset'] as const)('in %s is reset all the same', (fault) => {
    const { runner: run } = runner({ fault });
    run.start(0n, [queue()]);
    expect(run.reset()).toBeUndefined();
    expect(logs).toEqual([`${fault} fails`]);
    run.start(0n, [queue()]);
    expect(run.isRunning(0)).toBe(true);
  });

  test('by nonsense in its ring fails the queue: reported once, stopped and reset as always', () => {
    const { device, runner: run } = runner();
    run.start(0n, [queue()]);
    runLater();
    driver.sendNonsense();
    run.kick(0);
    run.kick(0);
    expect(resets).toHaveLength(1);
    run.reset();
    expect(device.log.slice(-2)).toEqual(['stop 0', 'reset']);
  });

  test('by a ring that is not in memory does not start the queue', () => {
    const { device, runner: run } = runner();
    run.start(0n, [{ ...queue(), setup: { ...driver.setup, descriptors: 1n << 60n } }]);
    expect(resets).toHaveLength(1);
    expect(device.log).toEqual(['activate 0']);
  });
});

test('what a device says after its reset is counted, and not heard', () => {
  const { device, runner: run } = runner();
  run.start(0n, [queue()]);
  const { host } = device;
  run.reset();
  host?.needsReset('too late');
  host?.configChanged();
  host?.kickLater(0);
  expect([resets, run.lateEvents]).toEqual([[], 3]);
});

test('closing resets the device, then closes it', () => {
  const { device, runner: run } = runner();
  run.start(0n, [queue()]);
  run.close();
  expect(device.log.slice(-3)).toEqual(['stop 0', 'reset', 'close']);
});
