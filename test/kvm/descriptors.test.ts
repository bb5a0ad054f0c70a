import { readdirSync } from 'node:fs';
import { Kvm } from 'ioregion/kvm';
import { EventFd, Mapping } from 'ioregion/native';
import { expect, it } from 'vitest';
import { describeWhere, kvmDevice } from '../support/require.js';
import { exit } from '../support/tiny-code.js';
import { tinyGuest } from '../support/tiny-guest.js';

const ROUNDS = 1000;
const MIB = 1 << 20;

/** Open descriptors of this process; the one that lists them is always among them. */
const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

/** Runs `round` often; afterwards as many descriptors are open as before. */
function expectNoLeak(round: (i: number) => void): void {
  round(0);
  const before = openDescriptors();
  for (let i = 1; i < ROUNDS; i++) round(i);
  expect(openDescriptors()).toBe(before);
}

function setUpVm(i: number): void {
  using kvm = Kvm.open();
  using mapping = Mapping.anonymous(MIB);
  using eventfd = EventFd.create();
  using irqEventfd = EventFd.create();
  using vm = kvm.createVm();
  vm.memory.add({ gpa: 0, size: MIB, mapping });
  vm.interrupts.createIrqchip();
  vm.interrupts.assignIrqfd({ eventfd: irqEventfd, gsi: i % 16 });
  vm.ioeventfds.assign({ eventfd, space: 'pio', address: i, length: 2, datamatch: i });
  using _vcpu = vm.createVcpuFd(0);
}

/** Every way to fail that leaves something half made. */
const FAILURES: readonly ((kvm: Kvm) => void)[] = [
  () => Kvm.open('/nonexistent/kvm'),
  () => Kvm.open('/dev/null'),
  () => tinyGuest(exit, { prepare: (vm) => vm.interrupts.createPit() }),
  () =>
    tinyGuest(exit, {
      boot: () => {
        throw new Error('the boot code gives up');
      },
    }),
  (kvm) => {
    using vm = kvm.createVm();
    using _vcpu = vm.createVcpuFd(0);
    vm.createVcpuFd(0);
  },
  (kvm) => {
    using mapping = Mapping.anonymous(MIB);
    using vm = kvm.createVm();
    vm.memory.addAll({ regions: [0, 0].map((gpa) => ({ gpa, size: MIB, mapping })) });
  },
  (kvm) => {
    using eventfd = EventFd.create();
    using vm = kvm.createVm();
    vm.ioeventfds.assign({ eventfd, space: 'mmio', address: 0, length: 0, datamatch: 1 });
  },
];

describeWhere([kvmDevice], `after ${ROUNDS} set-ups no descriptor is left open`, () => {
  it('where they succeed', () => {
    expectNoLeak(setUpVm);
  });

  it('where they fail', () => {
    using kvm = Kvm.open();
    expectNoLeak((i) => {
      expect(() => FAILURES[i % FAILURES.length]!(kvm)).toThrow();
    });
  });
});
