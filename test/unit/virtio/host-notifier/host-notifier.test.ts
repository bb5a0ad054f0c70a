/** Every transition of the state machine in src/virtio/host-notifier/README.md. */
import { EventFd } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Doorbell } from '#dist/src/virtio/host-notifier/index.js';
import { HandOverError, HostNotifier, HostNotifierStateError } from '#dist/src/virtio/host-notifier/index.js';
import { RecordedBinder } from '../support/recorded-binder.js';

const doorbell: Doorbell = { space: 'mmio', address: 0xd0003008, length: 2 };
let binder: RecordedBinder;
let kickFd: EventFd;
let owner: { kickFd: EventFd };
let processed: number;
let ready: boolean;
let notifier: HostNotifier;

beforeEach(() => {
  binder = new RecordedBinder();
  kickFd = EventFd.create();
  owner = { kickFd: EventFd.create() };
  processed = 0;
  ready = true;
  const process = () => {
    if (ready) processed += 1;
    return ready;
  };
  notifier = new HostNotifier({ queue: 2, kickFd, binder, process });
});

afterEach(() => {
  kickFd.close();
  owner.kickFd.close();
});

/** A guest kicks at the last moment at which its write is still an ioeventfd. */
function kickBeforeDeassign(): void {
  binder.beforeDeassign = () => {
    binder.beforeDeassign = () => {};
    expect(binder.write(doorbell)).toBe(true);
  };
}

describe('deassigned', () => {
  test('a kick is processed at once', () => {
    notifier.kick();
    expect([notifier.state, processed]).toEqual(['deassigned', 1]);
  });

  test('start with a doorbell: assigned', () => {
    notifier.start(doorbell);
    expect(notifier.state).toBe('assigned');
    expect([...binder.assigned.values()]).toEqual([{ ...doorbell, eventfd: kickFd }]);
  });

  test('start without a doorbell: stays deassigned', () => {
    notifier.start(null);
    expect([notifier.state, binder.log]).toEqual(['deassigned', []]);
  });

  test('start where the VM refuses: stays deassigned, kicks are register accesses', () => {
    binder.limit = 0;
    notifier.start(doorbell);
    notifier.kick();
    expect([notifier.state, notifier.failures, processed]).toEqual(['deassigned', 1, 1]);
  });

  test('stop: nothing happens', () => {
    notifier.stop();
    expect([notifier.state, binder.log, processed]).toEqual(['deassigned', [], 0]);
  });

  test('hand-over: offlimits, with the ioeventfd of the owner', () => {
    notifier.handOver(owner, doorbell);
    expect(notifier.state).toBe('offlimits');
    expect([...binder.assigned.values()]).toEqual([{ ...doorbell, eventfd: owner.kickFd }]);
  });

  test('hand-over of a queue that does not run: offlimits, and the ioeventfd comes with the start', () => {
    notifier.handOver(owner, null);
    expect([notifier.state, binder.assigned.size]).toEqual(['offlimits', 0]);
    notifier.start(doorbell);
    expect([...binder.assigned.values()]).toEqual([{ ...doorbell, eventfd: owner.kickFd }]);
    expect(notifier.state).toBe('offlimits');
  });

  test('hand-over with a kick that nobody could take: it goes to the owner', () => {
    ready = false;
    notifier.kick();
    expect([notifier.pending, processed]).toEqual([true, 0]);
    notifier.handOver(owner, doorbell);
    expect([notifier.pending, owner.kickFd.testAndClear()]).toEqual([false, true]);
  });

  test('return without an owner is refused', () => {
    expect(() => notifier.takeBack(null)).toThrow(HostNotifierStateError);
  });
});

describe('assigned', () => {
  beforeEach(() => notifier.start(doorbell));

  test('a kick is a signal of the eventfd, and so is one that reached the register', () => {
    binder.write(doorbell);
    notifier.kick();
    expect([processed, kickFd.take()]).toEqual([0, 2n]);
  });

  test('start again: nothing changes', () => {
    notifier.start(doorbell);
    expect(binder.log).toHaveLength(1);
  });

  test('stop: deassigned', () => {
    notifier.stop();
    expect([notifier.state, binder.assigned.size, processed]).toEqual(['deassigned', 0, 0]);
  });

  test('stop with a kick in flight: it is taken out of the eventfd and processed', () => {
    kickBeforeDeassign();
    notifier.stop();
    expect([processed, notifier.racedKicks, kickFd.testAndClear()]).toEqual([1, 1, false]);
  });

  test('stop with a kick in flight that the queue cannot take: it waits for the next start', () => {
    kickBeforeDeassign();
    ready = false;
    notifier.stop();
    expect([processed, notifier.pending]).toEqual([0, true]);
    ready = true;
    notifier.start(doorbell);
    expect([notifier.pending, kickFd.testAndClear()]).toEqual([false, true]);
  });

  test('hand-over: offlimits, and a kick in flight goes to the owner', () => {
    kickBeforeDeassign();
    notifier.handOver(owner, doorbell);
    expect(notifier.state).toBe('offlimits');
    expect([processed, kickFd.testAndClear(), owner.kickFd.testAndClear()]).toEqual([0, false, true]);
    expect([...binder.assigned.values()]).toEqual([{ ...doorbell, eventfd: owner.kickFd }]);
  });

  test('hand-over that the VM refuses: assigned as before, and a kick in flight is not lost', () => {
    kickBeforeDeassign();
    const { assign } = binder;
    binder.assign = (ioeventfd) => {
      if (ioeventfd.eventfd === owner.kickFd) throw new Error('ENOSPC');
      assign.call(binder, ioeventfd);
    };
    expect(() => notifier.handOver(owner, doorbell)).toThrow(HandOverError);
    expect(notifier.state).toBe('assigned');
    expect([kickFd.testAndClear(), owner.kickFd.testAndClear()]).toEqual([true, false]);
  });

  test('a VM that refuses to deassign is counted, and the state is deassigned all the same', () => {
    binder.assigned.clear();
    notifier.stop();
    expect([notifier.state, notifier.failures]).toEqual(['deassigned', 1]);
  });
});

describe('offlimits', () => {
  beforeEach(() => {
    notifier.start(doorbell);
    notifier.handOver(owner, doorbell);
  });

  test('a kick that reached the register signals the owner', () => {
    notifier.kick();
    expect([processed, kickFd.testAndClear(), owner.kickFd.testAndClear()]).toEqual([0, false, true]);
  });

  test('a second owner is refused', () => {
    expect(() => notifier.handOver(owner, doorbell)).toThrow(HostNotifierStateError);
    expect(notifier.state).toBe('offlimits');
  });

  test('return with a doorbell: assigned', () => {
    notifier.takeBack(doorbell);
    expect(notifier.state).toBe('assigned');
    expect([...binder.assigned.values()]).toEqual([{ ...doorbell, eventfd: kickFd }]);
  });

  test('return without one (a host with six): deassigned', () => {
    notifier.takeBack(null);
    expect([notifier.state, binder.assigned.size]).toEqual(['deassigned', 0]);
  });

  test('return with a kick in flight: it is ours now', () => {
    kickBeforeDeassign();
    notifier.takeBack(doorbell);
    expect([owner.kickFd.testAndClear(), kickFd.testAndClear(), processed]).toEqual([false, true, 0]);
  });

  test('return with a kick in flight, without a doorbell: it is processed', () => {
    kickBeforeDeassign();
    notifier.takeBack(null);
    expect([owner.kickFd.testAndClear(), processed]).toEqual([false, 1]);
  });

  test('return with a kick that the owner has not seen: it is ours now', () => {
    owner.kickFd.signal();
    notifier.takeBack(null);
    expect([owner.kickFd.testAndClear(), processed]).toEqual([false, 1]);
  });

  test('stop: the ioeventfd of the owner goes, and a kick in flight stays with the owner', () => {
    kickBeforeDeassign();
    notifier.stop();
    expect([notifier.state, binder.assigned.size]).toEqual(['offlimits', 0]);
    expect([processed, owner.kickFd.testAndClear()]).toEqual([0, true]);
  });

  test('start after a stop: the owner has its ioeventfd again', () => {
    notifier.stop();
    notifier.start(doorbell);
    expect([...binder.assigned.values()]).toEqual([{ ...doorbell, eventfd: owner.kickFd }]);
  });

  test('return of a queue that does not run: deassigned', () => {
    notifier.stop();
    notifier.takeBack(null);
    expect(notifier.state).toBe('deassigned');
  });
});
