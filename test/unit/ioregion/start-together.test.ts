/** The threads of one device begin together, or none does. */
import { readdirSync } from 'node:fs';
import { DeviceLoadError, LoopbackDispatcher, OrderGroup, RegionServerThread } from 'ioregion/ioregion';
import { type Fd, socketpair } from 'ioregion/native';
import { expect, it, vi } from 'vitest';
import { CallerThread } from '#dist/test/stress/caller-thread.js';

const STATUS = 0x1000;
const DOORBELL = 0x2000;
const module = new URL('../../../dist/test/stress/devices/shared-sum.js', import.meta.url).href;

/** A thread of the device that serves `device`, whose module takes `loadMs` to load. */
function thread(device: Fd, group: OrderGroup, shared: SharedArrayBuffer, name: string, loadMs = 0) {
  return {
    readFd: device,
    writeFd: device,
    group,
    shared,
    regions: [{ name, device: { module, options: { loadMs } } }],
  };
}

it('a read waits for a write posted to a sibling whose thread is still loading', async () => {
  const dispatcher = new LoopbackDispatcher();
  const [status, statusDevice] = socketpair('seqpacket');
  const [doorbell, doorbellDevice] = socketpair('seqpacket');
  dispatcher.addRegion({ space: 'mmio', gpa: STATUS, size: 4, readFd: status, writeFd: status });
  dispatcher.addRegion({
    space: 'mmio',
    gpa: DOORBELL,
    size: 4,
    readFd: doorbell,
    writeFd: doorbell,
    postedWrites: true,
  });
  const caller = await CallerThread.start(dispatcher);
  const values = caller.perform([
    { space: 'mmio', address: DOORBELL, size: 4, value: 1 },
    { space: 'mmio', address: STATUS, size: 4 },
  ]);
  const group = new OrderGroup();
  const shared = new SharedArrayBuffer(4);
  const threads = await RegionServerThread.startAll([
    thread(statusDevice, group, shared, 'status'),
    thread(doorbellDevice, group, shared, 'doorbell', 200),
  ]);
  expect(await values).toEqual([null, 1]);
  await caller.close();
  await Promise.all(threads.map((each) => each.close()));
  group.close();
  dispatcher.close();
  for (const fd of [status, statusDevice, doorbell, doorbellDevice]) fd.close();
});

it('where one does not start, no thread and no descriptor is left', async () => {
  const count = () => [readdirSync('/proc/self/fd').length, readdirSync('/proc/self/task').length];
  const [vmm, device] = socketpair('seqpacket');
  const group = new OrderGroup();
  const shared = new SharedArrayBuffer(4);
  const before = count();
  const good = thread(device, group, shared, 'status');
  const bad = { ...good, regions: [{ device: { module: 'file:///nowhere.mjs' } }] };
  const starting = RegionServerThread.startAll([good, bad, good]);
  await expect(starting).rejects.toThrow(DeviceLoadError);
  await expect(starting).rejects.toMatchObject({ module: 'file:///nowhere.mjs' });
  await vi.waitFor(() => expect(count()).toEqual(before));
  group.close();
  vmm.close();
  device.close();
});
