/** Host notifiers against the ioeventfds of a real VM, with a guest that kicks. */
import { EXIT_REASONS, Kvm, Vcpu, type Vm } from 'ioregion/kvm';
import { Disposables, EventFd, Mapping, waitReadable } from 'ioregion/native';
import { expect, it } from 'vitest';
import {
  type Doorbell,
  HostNotifier,
  HostNotifiers,
  type HostNotifiersOptions,
  probeIoeventfdLimit,
} from '#dist/src/virtio/host-notifier/index.js';
import { PATIENCE } from '../support/patience.js';
import { describeWhere, kvmDevice } from '../support/require.js';
import { EXIT_PORT, exit, movEax, movEcx, out, protectedMode, store } from '../support/tiny-code.js';
import { TINY_GUEST_BYTES, TINY_GUEST_CODE, tinyGuest } from '../support/tiny-guest.js';

const DOORBELLS = 0xd000_3000;
const PORT = 0xc010;
const mmio = (queue: number): Doorbell => ({ space: 'mmio', address: DOORBELLS + 4 * queue, length: 2 });
const kickCode = (queue: number): number[] => [...movEax(queue), ...store(2, DOORBELLS + 4 * queue)];

interface Kicked extends Disposable {
  readonly notifiers: HostNotifiers;
  /** Queues that were kicked by register access or found in an eventfd at deassignment. */
  readonly processed: number[];
  /** Runs to the next exit port; kicks on the way there that left the guest are given to the notifiers. */
  run(): void;
}

/** A guest with host notifiers for 4 queues, on the thread of the test. */
function kickedGuest(code: readonly number[], options: Partial<HostNotifiersOptions> = {}): Kicked {
  const guest = tinyGuest(code, { boot: protectedMode });
  const notifiers = new HostNotifiers({ binder: guest.vm.ioeventfds, queues: 4, ...options });
  const processed: number[] = [];
  notifiers.process = (queue) => processed.push(queue) > 0;
  const dispose = () => {
    notifiers.close();
    guest[Symbol.dispose]();
  };
  const run = () => {
    while (guest.run() === EXIT_REASONS.KVM_EXIT_MMIO) notifiers.kick((guest.page.mmio.address - DOORBELLS) / 4);
    expect(guest.page.io.port).toBe(EXIT_PORT);
  };
  return { notifiers, processed, run, [Symbol.dispose]: dispose };
}

const signals = ({ kickFds }: HostNotifiers) => kickFds.map((kickFd) => kickFd.take() ?? 0n);

describeWhere([kvmDevice], 'host notifiers on KVM', () => {
  it('find out what this host can spare, and leave nothing of the probe behind', () => {
    using kvm = Kvm.open();
    using vm = kvm.createVm();
    expect(probeIoeventfdLimit(vm.ioeventfds)).toBe('many');
    expect(vm.ioeventfds.assigned).toEqual([]);
  });

  it('turn kicks of 4 queues into signals of 4 eventfds, without an exit', () => {
    const code = [0, 1, 1, 2, 3, 3, 3].flatMap(kickCode);
    using guest = kickedGuest([...code, ...exit]);
    for (let queue = 0; queue < 4; queue++) guest.notifiers.start(queue, mmio(queue));
    guest.run();
    expect(guest.processed).toEqual([]);
    expect(signals(guest.notifiers)).toEqual([1n, 2n, 1n, 3n]);
  });

  it('forced to six, leave every kick a register access', () => {
    using guest = kickedGuest([...kickCode(0), ...kickCode(3), ...exit], { limit: 'six' });
    for (let queue = 0; queue < 4; queue++) guest.notifiers.start(queue, mmio(queue));
    guest.run();
    expect(guest.processed).toEqual([0, 3]);
    expect(signals(guest.notifiers)).toEqual([0n, 0n, 0n, 0n]);
  });

  it('deassign with kicks in the eventfd: they are processed, and later ones are register accesses', () => {
    using guest = kickedGuest([...kickCode(1), ...exit, ...kickCode(1), ...exit]);
    guest.notifiers.start(1, mmio(1));
    guest.run();
    guest.notifiers.stopAll();
    expect(guest.processed).toEqual([1]);
    guest.run();
    expect(guest.processed).toEqual([1, 1]);
    expect(signals(guest.notifiers)).toEqual([0n, 0n, 0n, 0n]);
  });

  it('hand a queue over and take it back, also on a host with six', () => {
    using owner = EventFd.create();
    using guest = kickedGuest([...kickCode(2), ...exit, ...kickCode(2), ...exit], { limit: 'six' });
    guest.notifiers.start(2, mmio(2));
    guest.notifiers.handOver(2, { kickFd: owner });
    guest.run();
    expect([owner.take(), guest.processed]).toEqual([1n, []]);
    guest.notifiers.takeBack(2);
    guest.run();
    expect([owner.take(), guest.processed]).toEqual([null, [2]]);
  });

  it('tell queues apart at the legacy doorbell by the value written', () => {
    const kick = (queue: number) => [...movEax(queue), ...out(2, PORT)];
    using guest = kickedGuest([...kick(0), ...kick(3), ...kick(3), ...exit]);
    for (const queue of [0, 3]) {
      guest.notifiers.start(queue, { space: 'pio', address: PORT, length: 2, datamatch: queue });
    }
    guest.run();
    expect(signals(guest.notifiers)).toEqual([1n, 0n, 0n, 2n]);
  });

  it('stay with the register where another ioeventfd has the doorbell', () => {
    using taken = EventFd.create();
    using guest = tinyGuest(exit, { boot: protectedMode });
    guest.vm.ioeventfds.assign({ ...mmio(0), eventfd: taken });
    using notifiers = new HostNotifiers({ binder: guest.vm.ioeventfds, queues: 1 });
    notifiers.start(0, mmio(0));
    expect([notifiers.state(0), notifiers.counters.failures]).toEqual(['deassigned', 1]);
  });
});

const KICKS = 60_000;
/** Kicks queue 0 again and again, and exits. */
const kickingGuest = (() => {
  const kick = store(2, DOORBELLS);
  return [...movEcx(KICKS), ...kick, 0xe2, 256 - kick.length - 2, ...exit];
})();

interface RunningGuest {
  readonly vm: Vm;
  readonly vcpu: Vcpu;
  /** Kicks that left the guest so far. */
  readonly exits: () => number;
}

/** The guest on a vCPU's own Worker, so that it kicks while this thread assigns and deassigns. */
async function withKickingGuest(check: (guest: RunningGuest) => Promise<void>): Promise<void> {
  using undo = new Disposables();
  const kvm = undo.use(Kvm.open());
  const mapping = undo.use(Mapping.anonymous(TINY_GUEST_BYTES));
  const vm = undo.use(kvm.createVm());
  vm.memory.add({ gpa: 0, size: TINY_GUEST_BYTES, mapping });
  mapping.bytes.set(kickingGuest, TINY_GUEST_CODE);
  const count = new SharedArrayBuffer(4);
  const module = new URL('../../dist/test/support/kick-counter.js', import.meta.url).href;
  const vcpu = await Vcpu.create(vm, 0, { exitHandler: { module, options: { doorbell: DOORBELLS, count } } });
  try {
    vcpu.state.setCpuid(kvm.supportedCpuid());
    protectedMode(vcpu.state);
    await check({ vm, vcpu, exits: () => Atomics.load(new Int32Array(count), 0) });
  } finally {
    await vcpu.close();
  }
}

/** An eventfd that adds up all that was ever taken from it. */
function countingEventFd(): { eventfd: EventFd; taken: () => number } {
  const eventfd = EventFd.create();
  const take = eventfd.take.bind(eventfd);
  let sum = 0;
  eventfd.take = () => {
    const value = take();
    sum += Number(value ?? 0n);
    return value;
  };
  return { eventfd, taken: () => sum };
}

const turnOfEventLoop = () => new Promise((resolve) => setImmediate(resolve));
const PHASE_MS = 500 * PATIENCE;

/** Until the guest has kicked by the eventfd, so that the next change comes while it kicks that way. */
const kickedBy = (eventfd: EventFd) => waitReadable(eventfd, PHASE_MS);

/** Until `exits` shows a kick that left the guest, or the guest has ended. */
async function kickedByExit(exits: () => number, ended: () => boolean): Promise<void> {
  for (const before = exits(); exits() === before && !ended(); ) await turnOfEventLoop();
}

describeWhere([kvmDevice], 'kicks that race with the host notifier', () => {
  it('are all counted while it is assigned and deassigned: none is lost, none comes twice', async () => {
    await withKickingGuest(async ({ vm, vcpu, exits }) => {
      const { eventfd, taken } = countingEventFd();
      let processed = 0;
      const process = () => ++processed > 0;
      const notifier = new HostNotifier({ queue: 0, kickFd: eventfd, binder: vm.ioeventfds, process });
      let running = true;
      const run = vcpu.run().finally(() => {
        running = false;
      });
      let rounds = 0;
      for (; running; rounds++) {
        notifier.start(mmio(0));
        kickedBy(eventfd);
        notifier.stop();
        await kickedByExit(exits, () => !running);
      }
      expect(rounds).toBeGreaterThan(2);
      expect(await run).toMatchObject({ reason: 'KVM_EXIT_IO', port: EXIT_PORT });
      expect(taken() + exits()).toBe(KICKS);
      expect(taken()).toBeGreaterThan(0);
      expect([processed, eventfd.take()]).toEqual([notifier.racedKicks, null]);
      eventfd.close();
    });
  });

  it('are all counted while an owner takes the queue over and gives it back', async () => {
    await withKickingGuest(async ({ vm, vcpu, exits }) => {
      const ours = countingEventFd();
      const theirs = countingEventFd();
      let forwarded = 0;
      const process = () => ++forwarded > 0;
      const notifier = new HostNotifier({ queue: 0, kickFd: ours.eventfd, binder: vm.ioeventfds, process });
      const signal = EventFd.prototype.signal;
      for (const { eventfd } of [ours, theirs]) {
        eventfd.signal = () => {
          forwarded += 1;
          signal.call(eventfd);
        };
      }
      notifier.start(mmio(0));
      let running = true;
      const run = vcpu.run().finally(() => {
        running = false;
      });
      for (; running; await turnOfEventLoop()) {
        kickedBy(ours.eventfd);
        notifier.handOver({ kickFd: theirs.eventfd }, mmio(0));
        kickedBy(theirs.eventfd);
        notifier.takeBack(mmio(0));
      }
      await run;
      ours.eventfd.take();
      theirs.eventfd.take();
      expect(ours.taken() + theirs.taken() + exits() - forwarded).toBe(KICKS);
      expect(theirs.taken()).toBeGreaterThan(0);
      notifier.stop();
      ours.eventfd.close();
      theirs.eventfd.close();
    });
  });
});
