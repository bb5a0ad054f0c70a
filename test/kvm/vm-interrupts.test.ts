import { EXIT_REASONS, Kvm, type Vm } from 'ioregion/kvm';
import { EventFd, pipe } from 'ioregion/native';
import { expect, it } from 'vitest';
import {
  expectExitPort,
  expectInterrupt,
  guestTakingMessages,
  guestWithPic,
  MSI_ADDRESS,
  MSI_VECTOR,
  PIC_DATA,
  PIN,
} from '../support/interrupted-guest.js';
import { describeWhere, kvmDevice } from '../support/require.js';
import { EXIT_PORT, exit, inAl } from '../support/tiny-code.js';
import { tinyGuest } from '../support/tiny-guest.js';

function withVm(check: (vm: Vm) => void): void {
  using kvm = Kvm.open();
  using vm = kvm.createVm();
  check(vm);
}

const refused = (ioctl: string, errnoName: string) =>
  expect.objectContaining({ code: 'ERR_IOREGION_KVM_IOCTL', ioctl, errnoName, hint: expect.any(String) });

describeWhere([kvmDevice], 'interrupts reach the guest', () => {
  it('as a message sent directly', () => {
    using guest = guestTakingMessages();
    expect(guest.vm.interrupts.signalMsi({ address: MSI_ADDRESS, data: MSI_VECTOR })).toBe(true);
    expectInterrupt(guest);
  });

  it('by an irqfd whose GSI is routed to a message', () => {
    using guest = guestTakingMessages();
    using eventfd = EventFd.create();
    guest.vm.interrupts.setRoutes([{ gsi: 24, address: MSI_ADDRESS, data: MSI_VECTOR }]);
    guest.vm.interrupts.assignIrqfd({ eventfd, gsi: 24 });
    eventfd.signal();
    expectInterrupt(guest);
  });

  it('by an irqfd whose eventfd was signalled before', () => {
    using guest = guestTakingMessages();
    using eventfd = EventFd.create({ initial: 1 });
    guest.vm.interrupts.setRoutes([{ gsi: 24, address: BigInt(MSI_ADDRESS), data: MSI_VECTOR }]);
    guest.vm.interrupts.assignIrqfd({ eventfd, gsi: 24 });
    expectInterrupt(guest);
  });

  it('by the level of a line', () => {
    using guest = guestWithPic();
    guest.vm.interrupts.setLine(PIN, true);
    guest.vm.interrupts.setLine(PIN, false);
    guest.vm.interrupts.setLine(PIN, true);
    expectInterrupt(guest);
  });

  it('by an irqfd on a pin, by way of a route of ours', () => {
    using guest = guestWithPic();
    using eventfd = EventFd.create();
    guest.vm.interrupts.setRoutes([{ gsi: 100, irqchip: 'picMaster', pin: PIN }]);
    guest.vm.interrupts.assignIrqfd({ eventfd, gsi: 100 });
    eventfd.signal();
    expectInterrupt(guest);
  });

  it('by a resampling irqfd, which reports the acknowledgement', () => {
    using guest = guestWithPic();
    using eventfd = EventFd.create();
    using resampleEventfd = EventFd.create();
    guest.vm.interrupts.assignIrqfd({ eventfd, gsi: PIN, resampleEventfd });
    eventfd.signal();
    expectInterrupt(guest);
    expect(resampleEventfd.testAndClear()).toBe(false);
    expectExitPort(guest);
    expect(resampleEventfd.testAndClear()).toBe(true);
  });

  it('not from a deassigned irqfd, whose eventfd can serve again', () => {
    using guest = guestTakingMessages();
    using eventfd = EventFd.create();
    const { interrupts } = guest.vm;
    interrupts.setRoutes([
      { gsi: 24, address: MSI_ADDRESS, data: MSI_VECTOR + 1 },
      { gsi: 25, address: MSI_ADDRESS, data: MSI_VECTOR },
    ]);
    interrupts.assignIrqfd({ eventfd, gsi: 24 });
    interrupts.deassignIrqfd({ eventfd, gsi: 24 });
    eventfd.signal();
    interrupts.assignIrqfd({ eventfd, gsi: 25 });
    expectInterrupt(guest);
  });
});

describeWhere([kvmDevice], 'interrupt controllers', () => {
  const firstExit = (prepare: (vm: Vm) => void, port: number): number => {
    using guest = tinyGuest([...inAl(port), ...exit], { prepare });
    expect(guest.run()).toBe(EXIT_REASONS.KVM_EXIT_IO);
    return guest.page.io.port;
  };
  const PIT_PORT = 0x40;
  const SPEAKER_PORT = 0x61;

  it.each<[string, (vm: Vm) => void, number, number]>([
    ['without an irqchip the PIC is the VMM`s', () => {}, PIC_DATA, PIC_DATA],
    ['with an irqchip the PIC is in the kernel', (vm) => vm.interrupts.createIrqchip(), PIC_DATA, EXIT_PORT],
    ['with a split irqchip the PIC is the VMM`s', (vm) => vm.interrupts.enableSplitIrqchip(), PIC_DATA, PIC_DATA],
    ['with an irqchip alone the PIT is the VMM`s', (vm) => vm.interrupts.createIrqchip(), PIT_PORT, PIT_PORT],
    [
      'with a PIT its counters are in the kernel, the speaker is not',
      (vm) => {
        vm.interrupts.createIrqchip();
        vm.interrupts.createPit();
      },
      SPEAKER_PORT,
      SPEAKER_PORT,
    ],
    [
      'with a PIT and speaker both are in the kernel',
      (vm) => {
        vm.interrupts.createIrqchip();
        vm.interrupts.createPit({ speaker: true });
      },
      SPEAKER_PORT,
      EXIT_PORT,
    ],
  ])('%s', (_, prepare, port, exitPort) => {
    expect(firstExit(prepare, port)).toBe(exitPort);
  });

  it('a split irqchip has local APICs', () => {
    using guest = tinyGuest(exit, { prepare: (vm) => vm.interrupts.enableSplitIrqchip(16) });
    expect(guest.state.lapic().length).toBe(1024);
  });

  it('cannot be created twice, or after a vCPU', () => {
    withVm((vm) => {
      vm.interrupts.createIrqchip();
      expect(() => vm.interrupts.createIrqchip()).toThrow(refused('KVM_CREATE_IRQCHIP', 'EEXIST'));
      expect(() => vm.interrupts.enableSplitIrqchip()).toThrow(refused('KVM_ENABLE_CAP', 'EEXIST'));
      vm.interrupts.createPit();
      expect(() => vm.interrupts.createPit()).toThrow(refused('KVM_CREATE_PIT2', 'EEXIST'));
    });
    withVm((vm) => {
      using _vcpu = vm.createVcpuFd(0);
      expect(() => vm.interrupts.createIrqchip()).toThrow(refused('KVM_CREATE_IRQCHIP', 'EINVAL'));
    });
  });

  it('are needed by lines, messages, irqfds and routes', () => {
    withVm(({ interrupts }) => {
      using eventfd = EventFd.create();
      const message = { address: MSI_ADDRESS, data: MSI_VECTOR };
      expect(() => interrupts.setLine(PIN, true)).toThrow(refused('KVM_IRQ_LINE', 'ENXIO'));
      expect(() => interrupts.signalMsi(message)).toThrow(refused('KVM_SIGNAL_MSI', 'EINVAL'));
      expect(() => interrupts.setRoutes([{ gsi: 1, ...message }])).toThrow(refused('KVM_SET_GSI_ROUTING', 'EINVAL'));
      expect(() => interrupts.assignIrqfd({ eventfd, gsi: 1 })).toThrow(
        expect.objectContaining({ ioctl: 'KVM_IRQFD', hint: expect.stringContaining('irqchip') }),
      );
    });
  });

  it('report a message that nobody takes', () => {
    withVm(({ interrupts }) => {
      interrupts.createIrqchip();
      expect(interrupts.signalMsi({ address: MSI_ADDRESS, data: MSI_VECTOR })).toBe(false);
    });
  });

  it('refuse a pin they do not have, and keep the routes from before', () => {
    using guest = guestWithPic();
    const { interrupts } = guest.vm;
    expect(() => interrupts.setRoutes([{ gsi: PIN, irqchip: 'ioapic', pin: 24 }])).toThrow(
      refused('KVM_SET_GSI_ROUTING', 'EINVAL'),
    );
    interrupts.setLine(PIN, true);
    expectInterrupt(guest);
  });

  it('take as many routes as the capability says, and not one more', () => {
    withVm(({ interrupts, kvm }) => {
      interrupts.createIrqchip();
      const limit = kvm.capability('KVM_CAP_IRQ_ROUTING');
      const routes = Array.from({ length: limit }, (_, gsi) => ({ gsi, address: MSI_ADDRESS, data: MSI_VECTOR }));
      interrupts.setRoutes(routes);
      expect(() => interrupts.setRoutes([...routes, { gsi: limit, address: MSI_ADDRESS, data: 1 }])).toThrow(
        refused('KVM_SET_GSI_ROUTING', 'EINVAL'),
      );
    });
  });
});

describeWhere([kvmDevice], 'irqfds', () => {
  function withIrqchip(check: (interrupts: Vm['interrupts'], eventfd: EventFd) => void): void {
    withVm(({ interrupts }) => {
      using eventfd = EventFd.create();
      interrupts.createIrqchip();
      check(interrupts, eventfd);
    });
  }

  it('have an eventfd each: EBUSY', () => {
    withIrqchip((interrupts, eventfd) => {
      interrupts.assignIrqfd({ eventfd, gsi: 5 });
      expect(() => interrupts.assignIrqfd({ eventfd, gsi: 6 })).toThrow(refused('KVM_IRQFD', 'EBUSY'));
    });
  });

  it('refuse what is no eventfd', () => {
    withIrqchip((interrupts, eventfd) => {
      const { readEnd, writeEnd } = pipe();
      expect(() => interrupts.assignIrqfd({ eventfd: readEnd, gsi: 5 })).toThrow(refused('KVM_IRQFD', 'EINVAL'));
      expect(() => interrupts.assignIrqfd({ eventfd, gsi: 5, resampleEventfd: readEnd })).toThrow(
        refused('KVM_IRQFD', 'EINVAL'),
      );
      expect(() => interrupts.assignIrqfd({ eventfd: { number: 0x7fff_ffff }, gsi: 5 })).toThrow(
        refused('KVM_IRQFD', 'EBADF'),
      );
      readEnd.close();
      writeEnd.close();
    });
  });

  it('are deassigned by eventfd and GSI; nothing happens where there is none', () => {
    withIrqchip((interrupts, eventfd) => {
      interrupts.deassignIrqfd({ eventfd, gsi: 5 });
      interrupts.assignIrqfd({ eventfd, gsi: 5 });
      interrupts.deassignIrqfd({ eventfd, gsi: 6 });
      expect(() => interrupts.assignIrqfd({ eventfd, gsi: 6 })).toThrow(refused('KVM_IRQFD', 'EBUSY'));
      interrupts.deassignIrqfd({ eventfd, gsi: 5 });
      interrupts.assignIrqfd({ eventfd, gsi: 6 });
    });
  });
});
