/** Queues whose kicks go to whoever runs them outside (design section 5: `offlimits`, and back). */
import { GuestMemory } from 'ioregion/memory';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HandOverControl, LocalControl } from '#dist/src/virtio/control/index.js';
import { HostNotifiers } from '#dist/src/virtio/host-notifier/index.js';
import { VirtioPciFunction } from '#dist/src/virtio/pci/index.js';
import { CommonCfg, Feature } from '#dist/src/virtio/spec/index.js';
import createEchoDevice from '#dist/test/support/echo-device.js';
import { expectOpenFds, openFds } from '../../../support/open-fds.js';
import { PciDriver } from '../support/pci-driver.js';
import { RecordedBinder } from '../support/recorded-binder.js';
import { RecordedControl } from '../support/recorded-control.js';
import { RecordedSink } from '../support/recorded-sink.js';
import { SplitDriver } from '../support/split-driver.js';

const QUEUES = 2;

function made(inner: RecordedControl | LocalControl, limit: 'many' | 'six' = 'many', ioeventfds = 1000) {
  const binder = new RecordedBinder(ioeventfds);
  const notifiers = new HostNotifiers({ binder, queues: QUEUES, limit });
  const control = new HandOverControl(inner, notifiers);
  const pciFunction = new VirtioPciFunction({ control, sink: new RecordedSink(), notifiers });
  pciFunction.place(4, 0xd0000000);
  const states = () => [0, 1].map((queue) => notifiers.state(queue));
  const close = async () => {
    await pciFunction.close();
    notifiers.close();
  };
  return { binder, notifiers, control, driver: new PciDriver(pciFunction), states, close };
}

describe('a queue that runs outside', () => {
  test.each(['many', 'six'] as const)('on a host with %s ioeventfds, it is offlimits while it runs', async (limit) => {
    const inner = new RecordedControl();
    const { binder, driver, states, close } = made(inner, limit);
    driver.start();
    expect(states()).toEqual(['offlimits', 'offlimits']);
    const given = inner.activations[0]!.queues.map(({ kickFd }) => kickFd);
    expect([...binder.assigned.values()].map(({ eventfd }) => eventfd)).toEqual(given);
    driver.status = 0;
    expect([states(), binder.assigned.size]).toEqual([['deassigned', 'deassigned'], 0]);
    driver.start();
    expect([states(), binder.assigned.size]).toEqual([['offlimits', 'offlimits'], 2]);
    await close();
    expect([states(), binder.assigned.size]).toEqual([['deassigned', 'deassigned'], 0]);
  });

  test('is taken back when its own reset is done, not before, and handed over at its next start', async () => {
    const inner = new RecordedControl({ slow: true });
    const { driver, states, close } = made(inner);
    driver.start(Feature.version1 | Feature.ringReset);
    driver.set16(CommonCfg.queueSelect, 1);
    driver.set16(CommonCfg.queueReset, 1);
    await new Promise(setImmediate);
    expect(states()).toEqual(['offlimits', 'offlimits']);
    inner.finish();
    expect(driver.get16(CommonCfg.queueReset)).toBe(0);
    driver.setUpQueue(1);
    expect(states()).toEqual(['offlimits', 'offlimits']);
    expect(inner.started.length).toBe(1);
    await close();
  });

  test('where the VM refuses ioeventfds, kicks are register accesses that signal what the owner watches', async () => {
    const inner = new RecordedControl();
    const { driver, notifiers, close } = made(inner, 'many', 0);
    driver.start();
    driver.kick(1);
    const kickFd = inner.activations[0]!.queues[1]!.kickFd!;
    expect(kickFd.testAndClear()).toBe(true);
    expect(notifiers.counters.failures).toBe(2);
    await close();
  });

  test('without host notifiers in the transport, a kick by call signals the owner as well', async () => {
    const inner = new RecordedControl();
    const notifiers = new HostNotifiers({ binder: new RecordedBinder(), queues: QUEUES, limit: 'six' });
    const control = new HandOverControl(inner, notifiers);
    const driver = new PciDriver(new VirtioPciFunction({ control, sink: new RecordedSink() }));
    driver.start();
    driver.kick(0);
    expect(inner.activations[0]!.queues[0]!.kickFd!.testAndClear()).toBe(true);
    driver.status = 0;
    await control.close();
    notifiers.close();
  });

  test('a kick that its last owner did not see is there at the next start', async () => {
    const inner = new RecordedControl();
    const { driver, binder, close } = made(inner);
    driver.start();
    binder.beforeDeassign = (doorbell) => void binder.write(doorbell);
    driver.status = 0;
    binder.beforeDeassign = () => {};
    driver.start();
    const { queues } = inner.activations[1]!;
    expect(queues.map(({ kickFd }) => kickFd!.testAndClear())).toEqual([true, true]);
    await close();
  });
});

describe('a device behind it', () => {
  let memory: GuestMemory;
  let before: string[];

  beforeEach(() => {
    before = openFds();
    memory = GuestMemory.create(1 << 20);
  });

  afterEach(async () => {
    memory.close();
    await expectOpenFds(before);
  });

  test('answers kicks that the VM signals, before and after a reset', async () => {
    const inner = new LocalControl({ device: createEchoDevice({ queues: QUEUES }), memory });
    const { driver, binder, close } = made(inner);
    for (const round of [1, 2]) {
      const queue = new SplitDriver(memory, 0);
      driver.negotiate();
      driver.setUpQueue(0, queue.size);
      driver.ready();
      queue.send(Uint8Array.of(round));
      expect(binder.write({ space: 'mmio', address: 0xd0000000 + driver.notify.offset, length: 2 })).toBe(true);
      await vi.waitFor(() => expect(queue.usedIndex).toBe(1), { interval: 5 });
      expect(queue.answer(0)).toEqual(Uint8Array.of(round + 1));
      driver.status = 0;
      await vi.waitFor(() => expect(driver.status).toBe(0), { interval: 5 });
    }
    await close();
  });

  test('is closed with the eventfds of its queues', async () => {
    const inner = new LocalControl({ device: createEchoDevice({ queues: QUEUES }), memory });
    const { control, close } = made(inner);
    await control.close();
    await control.close();
    control.kick(0);
    await close();
  });
});
