import { EXIT_REASONS, type Ioeventfd, Kvm } from 'ioregion/kvm';
import { EventFd, pipe } from 'ioregion/native';
import { describe, expect, it } from 'vitest';
import { describeWhere, kvmDevice } from '../support/require.js';
import { EXIT_PORT, exit, loadEax, movEax, out, protectedMode, store } from '../support/tiny-code.js';
import { tinyGuest } from '../support/tiny-guest.js';

const DOORBELL = 0xd000_0000;
const PORT = 0x1f0;
const VALUE = 0x1122_3344;

type Spec = Omit<Ioeventfd, 'eventfd'>;

/** What the guest's write does: true where the ioeventfd takes it, false where it leaves as an exit. */
function isTaken(specs: readonly Spec[], access: readonly number[]): boolean[] {
  using guest = tinyGuest([...movEax(VALUE), ...access, ...exit], { boot: protectedMode });
  const eventfds = specs.map((spec) => {
    const eventfd = EventFd.create();
    guest.vm.ioeventfds.assign({ ...spec, eventfd });
    return eventfd;
  });
  const left = guest.run() !== EXIT_REASONS.KVM_EXIT_IO || guest.page.io.port !== EXIT_PORT;
  const taken = eventfds.map((eventfd) => eventfd.testAndClear());
  for (const eventfd of eventfds) eventfd.close();
  expect(taken.includes(true)).toBe(!left);
  return taken;
}

const mmio = (length: Ioeventfd['length'], datamatch?: number | bigint): Spec => ({
  space: 'mmio',
  address: DOORBELL,
  length,
  ...(datamatch === undefined ? {} : { datamatch }),
});
const pio = (length: Ioeventfd['length'], datamatch?: number): Spec => ({
  ...mmio(length, datamatch),
  space: 'pio',
  address: PORT,
});

describeWhere([kvmDevice], 'ioeventfds', () => {
  describe('on a guest write', () => {
    it.each<[string, Spec, number[], boolean]>([
      ['of 1 byte, length 1', mmio(1), store(1, DOORBELL), true],
      ['of 2 bytes, length 2', mmio(2), store(2, DOORBELL), true],
      ['of 4 bytes, length 4', mmio(4), store(4, DOORBELL), true],
      ['of 8 bytes, length 8', mmio(8), store(8, DOORBELL), true],
      ['of 1 byte, any length', mmio(0), store(1, DOORBELL), true],
      ['of 8 bytes, any length', mmio(0), store(8, DOORBELL), true],
      ['of another width', mmio(4), store(2, DOORBELL), false],
      ['to another address', mmio(4), store(4, DOORBELL + 4), false],
      ['of the matching value', mmio(4, VALUE), store(4, DOORBELL), true],
      ['of the matching value in fewer bytes', mmio(2, VALUE & 0xffff), store(2, DOORBELL), true],
      ['of another value', mmio(4, VALUE + 1), store(4, DOORBELL), false],
      ['that matches in the lower half only', mmio(4, BigInt(VALUE) | (1n << 32n)), store(4, DOORBELL), false],
      ['to a port, length 1', pio(1), out(1, PORT), true],
      ['to a port, length 2', pio(2), out(2, PORT), true],
      ['to a port, length 4', pio(4), out(4, PORT), true],
      ['to a port, any length', pio(0), out(2, PORT), true],
      ['to a port, of another width', pio(2), out(4, PORT), false],
      ['to a port, of the matching value', pio(2, VALUE & 0xffff), out(2, PORT), true],
      ['to a port, of another value', pio(2, 7), out(2, PORT), false],
      ['in the other space', { ...pio(4), address: DOORBELL }, store(4, DOORBELL), false],
    ])('%s', (_, spec, access, taken) => {
      expect(isTaken([spec], access)).toEqual([taken]);
    });

    it('only the one whose value matches is signalled', () => {
      expect(isTaken([pio(2, 7), pio(2, VALUE & 0xffff), pio(2, 9)], out(2, PORT))).toEqual([false, true, false]);
    });
  });

  it('let reads leave the guest', () => {
    using guest = tinyGuest([...loadEax(DOORBELL), ...exit], { boot: protectedMode });
    using eventfd = EventFd.create();
    guest.vm.ioeventfds.assign({ ...mmio(0), eventfd });
    expect([guest.run(), guest.page.mmio.isWrite]).toEqual([EXIT_REASONS.KVM_EXIT_MMIO, false]);
    expect(eventfd.testAndClear()).toBe(false);
  });

  it('count every write, also those after the descriptor was closed here', () => {
    const code = [store(4, DOORBELL), store(4, DOORBELL), store(4, DOORBELL), exit].flat();
    using guest = tinyGuest(code, { boot: protectedMode });
    using eventfd = EventFd.create();
    using other = eventfd.dup();
    guest.vm.ioeventfds.assign({ ...mmio(4), eventfd: other });
    other.close();
    expect([guest.run(), guest.page.io.port]).toEqual([EXIT_REASONS.KVM_EXIT_IO, EXIT_PORT]);
    expect(eventfd.take()).toBe(3n);
  });

  it('let writes leave the guest again once deassigned, and keep the signal that came before', () => {
    using guest = tinyGuest([...store(4, DOORBELL), ...exit, ...store(4, DOORBELL)], { boot: protectedMode });
    using eventfd = EventFd.create();
    guest.vm.ioeventfds.assign({ ...mmio(4), eventfd });
    guest.run();
    guest.vm.ioeventfds.deassign({ ...mmio(4), eventfd });
    expect(guest.run()).toBe(EXIT_REASONS.KVM_EXIT_MMIO);
    expect(eventfd.take()).toBe(1n);
  });
});

describeWhere([kvmDevice], 'assigning ioeventfds', () => {
  function withIoeventfds(
    check: (ioeventfds: ReturnType<Kvm['createVm']>['ioeventfds'], eventfd: EventFd) => void,
  ): void {
    using kvm = Kvm.open();
    using eventfd = EventFd.create();
    using vm = kvm.createVm();
    check(vm.ioeventfds, eventfd);
  }

  it('lists those that are assigned now', () => {
    withIoeventfds((ioeventfds, eventfd) => {
      const first = { ...mmio(4, 1), eventfd };
      const second = { ...pio(2), eventfd };
      ioeventfds.assign(first);
      ioeventfds.assign(second);
      expect(ioeventfds.assigned).toEqual([first, second]);
      ioeventfds.deassign({ ...first, address: BigInt(DOORBELL), datamatch: 1n });
      expect(ioeventfds.assigned).toEqual([second]);
    });
  });

  it('takes different lengths and values at one address, also beside a virtio-ccw doorbell of that number', () => {
    withIoeventfds((ioeventfds, eventfd) => {
      const specs: Spec[] = [mmio(1), mmio(2), mmio(4, 1), mmio(4, 2), { ...mmio(2, 0), space: 'virtio-ccw' }];
      for (const spec of specs) ioeventfds.assign({ ...spec, eventfd });
      expect(ioeventfds.assigned.length).toBe(specs.length);
    });
  });

  it.each<[string, Spec, Spec]>([
    ['the same twice', mmio(4), mmio(4)],
    ['a value beside any value', mmio(4), mmio(4, 1)],
    ['the same value twice', mmio(4, 1), mmio(4, 1)],
    ['any length beside a length', mmio(0), mmio(4)],
    ['a length beside any length', mmio(4), mmio(0)],
  ])('refuses %s with EEXIST', (_, first, second) => {
    withIoeventfds((ioeventfds, eventfd) => {
      ioeventfds.assign({ ...first, eventfd });
      expect(() => ioeventfds.assign({ ...second, eventfd })).toThrow(
        expect.objectContaining({
          ioctl: 'KVM_IOEVENTFD',
          errnoName: 'EEXIST',
          hint: expect.stringContaining('already'),
        }),
      );
      expect(ioeventfds.assigned.length).toBe(1);
    });
  });

  it.each<[string, Spec, string]>([
    ['a length of 3', mmio(3 as 4), 'EINVAL'],
    ['a value without a length', mmio(0, 1), 'EINVAL'],
    ['a range that wraps', { ...mmio(8), address: 2n ** 64n - 4n }, 'EINVAL'],
  ])('refuses %s with %s', (_, spec, errnoName) => {
    withIoeventfds((ioeventfds, eventfd) => {
      expect(() => ioeventfds.assign({ ...spec, eventfd })).toThrow(expect.objectContaining({ errnoName }));
      expect(ioeventfds.assigned).toEqual([]);
    });
  });

  it('refuses descriptors that are no eventfd or not open', () => {
    withIoeventfds((ioeventfds) => {
      const { readEnd, writeEnd } = pipe();
      expect(() => ioeventfds.assign({ ...mmio(4), eventfd: readEnd })).toThrow(
        expect.objectContaining({ errnoName: 'EINVAL' }),
      );
      expect(() => ioeventfds.assign({ ...mmio(4), eventfd: { number: 0x7fff_ffff } })).toThrow(
        expect.objectContaining({ errnoName: 'EBADF' }),
      );
      readEnd.close();
      writeEnd.close();
      expect(() => ioeventfds.assign({ ...mmio(4), eventfd: readEnd })).toThrow(
        expect.objectContaining({ code: 'ERR_IOREGION_FD_CLOSED' }),
      );
    });
  });

  it.each<[string, Spec]>([
    ['another length', mmio(2)],
    ['another address', { ...mmio(4), address: DOORBELL + 4 }],
    ['another space', { ...mmio(4), space: 'pio' }],
    ['a value', mmio(4, 1)],
  ])('deassigns nothing for %s: ENOENT', (_, spec) => {
    withIoeventfds((ioeventfds, eventfd) => {
      ioeventfds.assign({ ...mmio(4), eventfd });
      expect(() => ioeventfds.deassign({ ...spec, eventfd })).toThrow(expect.objectContaining({ errnoName: 'ENOENT' }));
      expect(ioeventfds.assigned.length).toBe(1);
    });
  });

  it('deassigns nothing for another eventfd: ENOENT', () => {
    withIoeventfds((ioeventfds, eventfd) => {
      using other = EventFd.create();
      ioeventfds.assign({ ...mmio(4), eventfd });
      expect(() => ioeventfds.deassign({ ...mmio(4), eventfd: other })).toThrow(
        expect.objectContaining({ errnoName: 'ENOENT' }),
      );
    });
  });
});
