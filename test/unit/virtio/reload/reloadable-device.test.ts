import { GuestMemory } from 'ioregion/memory';
import { ReloadableDevice, ReloadError, type VirtioDevice } from 'ioregion/virtio';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DeviceRunner } from '#dist/src/virtio/runner/index.js';
import { EchoDevice, type EchoOptions } from '#dist/test/support/echo-device.js';
import { SplitDriver } from '../support/split-driver.js';

/** Its state is how many queues it has stopped. */
class StatefulEcho extends EchoDevice {
  stops = 0;

  override stopQueue(index: number): void | Promise<void> {
    this.stops += 1;
    return super.stopQueue(index);
  }

  save(): unknown {
    return { stops: this.stops };
  }

  restore(state: unknown): void {
    this.log.push(`restore ${JSON.stringify(state)}`);
    this.stops = (state as { stops: number }).stops;
  }
}

let memory: GuestMemory;
let driver: SplitDriver;
let resets: string[];

beforeEach(() => {
  memory = GuestMemory.create(1 << 20);
  driver = new SplitDriver(memory);
  resets = [];
});
afterEach(() => memory.close());

function started(options: EchoOptions = {}) {
  const first = new StatefulEcho(options);
  const device = new ReloadableDevice(first);
  const changes = vi.fn();
  const events = { needsReset: (reason: string) => void resets.push(reason), configChanged: changes, log: () => {} };
  const runner = new DeviceRunner({ device, memory, events });
  runner.start(0n, [{ setup: driver.setup, kickFd: null, call: () => {} }]);
  return { first, device, runner, changes };
}

const used = (count: number) => vi.waitFor(() => expect(driver.usedIndex).toBe(count));

describe('a device that is replaced', () => {
  test('stops, hands over its state, and the next one goes on with the same queues', async () => {
    const { first, device } = started();
    driver.send(Uint8Array.of(1));
    await used(1);
    const next = new StatefulEcho();
    const replaced = device.replace(next);
    driver.send(Uint8Array.of(5));
    await replaced;
    await used(2);
    expect(driver.answer(1)).toEqual(Uint8Array.of(6));
    expect(first.log.slice(-3)).toEqual(['stop 0', 'reset', 'close']);
    expect(next.log.slice(0, 3)).toEqual(['restore {"stops":1}', 'activate 0', 'start 0']);
    expect(device.current).toBe(next);
    expect(resets).toEqual([]);
  });

  test('is waited for, and no kick that comes meanwhile is lost', async () => {
    const { first, device, runner } = started({ slow: true });
    const replaced = device.replace(new StatefulEcho());
    driver.send(Uint8Array.of(1));
    runner.kick(0);
    expect(driver.usedIndex).toBe(0);
    first.release();
    await replaced;
    await used(1);
  });

  test('is told to stop only once the next one has taken over, where the transport stops it meanwhile', async () => {
    const { first, device, runner } = started({ slow: true });
    const next = new StatefulEcho();
    const replaced = device.replace(next);
    const stopped = runner.stopQueue(0);
    first.release();
    await replaced;
    await stopped;
    expect(next.log).toContain('stop 0');
  });

  test('tells the driver of a changed configuration, and is heard no more itself', async () => {
    const { first, device, changes } = started();
    const next = new StatefulEcho();
    next.config.bytes[0] = 7;
    await device.replace(next);
    expect([device.config.bytes[0], changes.mock.calls.length]).toEqual([7, 1]);
    first.host?.needsReset('too late');
    first.host?.configChanged();
    expect([resets, changes.mock.calls.length]).toEqual([[], 1]);
    next.host?.needsReset('in time');
    expect(resets).toEqual(['in time']);
  });

  test.each<[string, () => VirtioDevice, RegExp]>([
    ['has other queues', () => new StatefulEcho({ queues: 3 }), /queues/],
    ['does not start', () => new StatefulEcho({ fault: 'start' }), /start fails/],
    ['refuses the state', () => new StatefulEcho({ fault: 'activate' }), /activate fails/],
    ['has another type', () => Object.assign(new StatefulEcho(), { deviceType: 2 }), /type is 2/],
    [
      'has another configuration',
      () => Object.assign(new StatefulEcho(), { config: { bytes: new Uint8Array(4) } }),
      /length/,
    ],
  ])('goes on where the next one %s', async (_, make, reason) => {
    const { device, first } = started();
    const next = make();
    const replaced = device.replace(next);
    await expect(replaced).rejects.toThrow(ReloadError);
    await expect(replaced).rejects.toThrow(reason);
    driver.send(Uint8Array.of(1));
    await device.kick(0);
    await used(1);
    expect(device.current).toBe(first);
    expect((next as StatefulEcho).log.at(-1)).toBe('close');
  });
});
