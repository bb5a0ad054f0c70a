import { EventFd } from 'ioregion/native';
import { describe, expect, test } from 'vitest';
import type { Doorbell } from '#dist/src/virtio/host-notifier/index.js';
import {
  HostNotifierStateError,
  HostNotifiers,
  NotifierStateError,
  probeIoeventfdLimit,
} from '#dist/src/virtio/host-notifier/index.js';
import { RecordedBinder } from '../support/recorded-binder.js';

const doorbellOf = (queue: number, base = 0xd0003000): Doorbell => ({
  space: 'mmio',
  address: base + 4 * queue,
  length: 2,
});

function notifiers({ queues = 4, limit = 'many' as 'many' | 'six', binder = new RecordedBinder() } = {}) {
  const kicks: number[] = [];
  const set = new HostNotifiers({ binder, queues, limit });
  set.process = (queue) => {
    kicks.push(queue);
    return true;
  };
  const states = () => Array.from({ length: queues }, (_, queue) => set.state(queue));
  return { set, binder, kicks, states };
}

describe('the limit of the host', () => {
  test.each([
    [1000, 'many'],
    [7, 'many'],
    [6, 'six'],
    [0, 'six'],
  ])('%i ioeventfds are found to be %s, and the probe leaves none behind', (limit, expected) => {
    const binder = new RecordedBinder(limit);
    expect(probeIoeventfdLimit(binder)).toBe(expected);
    expect(binder.assigned.size).toBe(0);
  });

  test('is probed unless it is given', () => {
    using probed = new HostNotifiers({ binder: new RecordedBinder(6), queues: 1 });
    using forced = new HostNotifiers({ binder: new RecordedBinder(6), queues: 1, limit: 'many' });
    expect([probed.limit, forced.limit]).toEqual(['six', 'many']);
  });
});

describe('host notifiers of a device', () => {
  test('a device of 4 queues has one ioeventfd per queue', () => {
    const { set, binder, states } = notifiers();
    for (let queue = 0; queue < 4; queue++) set.start(queue, doorbellOf(queue));
    expect(states()).toEqual(['assigned', 'assigned', 'assigned', 'assigned']);
    expect(binder.assigned.size).toBe(4);
    set.close();
    expect(binder.assigned.size).toBe(0);
  });

  test('on a host with six, queues stay with their registers and owners get ioeventfds', () => {
    const { set, binder, states } = notifiers({ limit: 'six' });
    using owned = EventFd.create();
    for (let queue = 0; queue < 4; queue++) set.start(queue, doorbellOf(queue));
    expect([states(), binder.assigned.size]).toEqual([Array(4).fill('deassigned'), 0]);
    set.handOver(1, { kickFd: owned });
    expect([set.state(1), binder.assigned.size]).toEqual(['offlimits', 1]);
    set.takeBack(1);
    expect([set.state(1), binder.assigned.size]).toEqual(['deassigned', 0]);
    set.close();
  });

  test('an owner that was there before the start, and stays over a reset, is served at each start', () => {
    const { set, binder } = notifiers({ limit: 'six' });
    using owned = EventFd.create();
    set.handOver(0, { kickFd: owned });
    set.start(0, doorbellOf(0));
    expect(binder.assigned.size).toBe(1);
    set.stopAll();
    expect([binder.assigned.size, set.state(0)]).toEqual([0, 'offlimits']);
    set.start(0, doorbellOf(0));
    expect(binder.assigned.size).toBe(1);
    set.close();
  });

  test('a queue without a doorbell stays deassigned, also when its owner gives it back', () => {
    const { set, states } = notifiers();
    using owned = EventFd.create();
    set.start(0, null);
    set.handOver(0, { kickFd: owned });
    set.takeBack(0);
    expect(states()[0]).toBe('deassigned');
    set.close();
  });

  test('doorbells that move are deassigned where they were and assigned where they are', () => {
    const { set, binder, states, kicks } = notifiers({ queues: 2 });
    set.start(0, doorbellOf(0));
    binder.beforeDeassign = (doorbell) => void binder.write(doorbell);
    set.move((queue) => doorbellOf(queue, 0xe0000000));
    expect([...binder.assigned.values()].map(({ address }) => address)).toEqual([0xe0000000]);
    expect([kicks, states()]).toEqual([[0], ['assigned', 'deassigned']]);
    binder.beforeDeassign = () => {};
    set.move(() => null);
    expect([binder.assigned.size, states()]).toEqual([0, ['deassigned', 'deassigned']]);
    set.close();
  });

  test('every kick before a reset is processed by the time it begins', () => {
    const { set, binder, kicks } = notifiers();
    for (let queue = 0; queue < 4; queue++) set.start(queue, doorbellOf(queue));
    binder.beforeDeassign = (doorbell) => void binder.write(doorbell);
    set.stopAll();
    expect(kicks).toEqual([0, 1, 2, 3]);
    expect(set.counters).toEqual({ racedKicks: 4, failures: 0 });
    set.close();
  });

  test('refusals of the VM are counted', () => {
    const { set } = notifiers({ binder: new RecordedBinder(2) });
    for (let queue = 0; queue < 4; queue++) set.start(queue, doorbellOf(queue));
    expect(set.counters.failures).toBe(2);
    set.close();
  });

  test('a queue that the device does not have is an error', () => {
    const { set } = notifiers();
    expect(() => set.start(4, null)).toThrow(HostNotifierStateError);
    set.close();
  });

  test('eventfds given by the caller stay open', () => {
    using kickFd = EventFd.create();
    const set = new HostNotifiers({ binder: new RecordedBinder(), queues: 1, kickFds: [kickFd] });
    set.close();
    expect(kickFd.closed).toBe(false);
  });
});

describe('save and restore', () => {
  /** A set whose queue 1 has a kick that its queue could not take. */
  function withPendingKick() {
    const made = notifiers({ queues: 2 });
    made.set.start(1, doorbellOf(1));
    made.binder.beforeDeassign = (doorbell) => void made.binder.write(doorbell);
    made.set.process = () => false;
    made.set.stopAll();
    return made.set;
  }

  test('a kick that nobody took is saved, and delivered once its queue starts on the other host', () => {
    const saved = JSON.parse(JSON.stringify(withPendingKick().save()));
    expect(saved).toEqual({ queues: [{ pending: false }, { pending: true }] });
    const { set, kicks } = notifiers({ queues: 2, limit: 'six' });
    set.restore(saved);
    set.start(0, doorbellOf(0));
    set.start(1, doorbellOf(1));
    expect([kicks, set.state(1)]).toEqual([[1], 'deassigned']);
    expect(set.save()).toEqual({ queues: [{ pending: false }, { pending: false }] });
    set.close();
  });

  test('a host that has many assigns its ioeventfds anew', () => {
    const { set } = notifiers({ queues: 2 });
    set.restore(withPendingKick().save());
    set.start(1, doorbellOf(1));
    expect([set.state(1), set.kickFds[1]!.testAndClear()]).toEqual(['assigned', true]);
    set.close();
  });

  test('ioeventfds and owners are not saved: the queues are stopped and given back first', () => {
    const { set } = notifiers();
    using owned = EventFd.create();
    set.start(0, doorbellOf(0));
    expect(() => set.save()).toThrow(HostNotifierStateError);
    set.stopAll();
    set.handOver(0, { kickFd: owned });
    expect(() => set.save()).toThrow(HostNotifierStateError);
    set.takeBack(0);
    expect(set.save().queues).toHaveLength(4);
    set.close();
  });

  test.each([
    [null],
    [{}],
    [{ queues: [] }],
    [{ queues: [{ pending: false }] }],
    [{ queues: [{ pending: true }, { pending: 1 }] }],
    [{ queues: [{ pending: true }, null] }],
    [{ queues: { length: 2 } }],
  ])('a state that cannot have been saved is refused: %j', (state) => {
    const { set } = notifiers({ queues: 2 });
    expect(() => set.restore(state)).toThrow(NotifierStateError);
    expect(set.save()).toEqual({ queues: [{ pending: false }, { pending: false }] });
    set.close();
  });
});
