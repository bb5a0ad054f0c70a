import { EXIT_REASONS, Kvm, type Vm } from 'ioregion/kvm';
import { EventFd, pipe } from 'ioregion/native';
import { expect, it } from 'vitest';
import { describeWhere, kvmDevice } from '../support/require.js';
import { EXIT_PORT, exit, inAl, outAl } from '../support/tiny-code.js';
import { type TinyGuest, tinyGuest } from '../support/tiny-guest.js';

const MSI_ADDRESS = 0xfee0_0000;
const MSI_VECTOR = 0x31;
const PIC_VECTORS = 0x20;
const PIN = 5;
const HANDLER = 0x2000;
const LAPIC_SPURIOUS = 0xf0;
const LAPIC_ENABLED = 0x100;

const PIC_COMMAND = 0x20;
const PIC_DATA = 0x21;
const END_OF_INTERRUPT = 0x20;
const movAl = (value: number): number[] => [0xb0, value];
const outValue = (port: number, value: number): number[] => [...movAl(value), ...outAl(port)];
const enableInterrupts = [0xfb];
const returnFromInterrupt = [0xcf];

/** Initialises the master PIC for vectors from 0x20 and unmasks every line. */
const initialisePic = [
  outValue(PIC_COMMAND, 0x11),
  outValue(PIC_DATA, PIC_VECTORS),
  outValue(PIC_DATA, 0x04),
  outValue(PIC_DATA, 0x01),
  outValue(PIC_DATA, 0x00),
].flat();
/** 20 million turns, then the exit below: a second or so at full speed, half a minute where the guest is emulated. */
const waitLong = [0x66, 0xb9, 0x00, 0x2d, 0x31, 0x01, 0xf3, 0x90, 0x67, 0xe2, 0xfb];

/** Reports the interrupt to the host, then acknowledges it. */
const handler = [...exit, ...outValue(PIC_COMMAND, END_OF_INTERRUPT), ...exit, ...returnFromInterrupt];

/** A real mode guest that gets ready, tells the host, then waits (but not for ever) for the interrupt `vector`. */
function waitingGuest(vector: number, ready: readonly number[]): TinyGuest {
  const guest = tinyGuest([...ready, ...exit, ...enableInterrupts, ...waitLong, ...exit], {
    prepare: (vm) => vm.interrupts.createIrqchip(),
  });
  guest.memory.set(handler, HANDLER);
  new DataView(guest.memory.buffer).setUint32(4 * vector, HANDLER, true);
  expectExitPort(guest);
  return guest;
}

/** A guest whose local APIC takes messages. */
function guestTakingMessages(): TinyGuest {
  const guest = waitingGuest(MSI_VECTOR, []);
  const lapic = guest.state.lapic();
  const view = new DataView(lapic.buffer);
  view.setUint32(LAPIC_SPURIOUS, view.getUint32(LAPIC_SPURIOUS, true) | LAPIC_ENABLED, true);
  guest.state.setLapic(lapic);
  return guest;
}

const guestWithPic = (): TinyGuest => waitingGuest(PIC_VECTORS + PIN, initialisePic);

function expectExitPort({ run, page }: TinyGuest): void {
  expect([run(), page.io.port]).toEqual([EXIT_REASONS.KVM_EXIT_IO, EXIT_PORT]);
}

/** The next exit is the handler's: the guest has taken the interrupt. */
function expectInterrupt(guest: TinyGuest): void {
  expectExitPort(guest);
  expect(Number(guest.state.regs().rip)).toBe(HANDLER + exit.length);
}

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

  it('cannot be created twice, in the wrong order, or after a vCPU', () => {
    withVm((vm) => {
      expect(() => vm.interrupts.createPit()).toThrow(refused('KVM_CREATE_PIT2', 'ENOENT'));
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
