/** Interrupts of a virtio PCI function as a real guest takes them, for each kind of sink. */
import { describe, expect, it } from 'vitest';
import {
  EventfdSink,
  GsiRoutes,
  GsiWiring,
  type InterruptSink,
  IrqfdVectors,
  KvmSink,
  openInterrupts,
} from '#dist/src/virtio/interrupt/index.js';
import { VirtioPciFunction } from '#dist/src/virtio/pci/index.js';
import { CommonCfg, IsrStatus } from '#dist/src/virtio/spec/index.js';
import {
  expectExitPort,
  expectInterrupt,
  guestTakingMessages,
  guestWithPic,
  MSI_ADDRESS,
  MSI_VECTOR,
  PIN,
} from '../support/interrupted-guest.js';
import { describeWhere, kvmDevice } from '../support/require.js';
import type { TinyGuest } from '../support/tiny-guest.js';
import { PciDriver } from '../unit/virtio/support/pci-driver.js';
import { RecordedControl } from '../unit/virtio/support/recorded-control.js';

interface Wired {
  readonly sink: InterruptSink;
  close(): void;
}

/** Every way from a vector of 3, or from INTA#, into a VM of this process. */
const WIRINGS: readonly (readonly [string, (guest: TinyGuest) => Wired])[] = [
  [
    'KVM_SIGNAL_MSI and KVM_IRQ_LINE',
    ({ vm }) => {
      const sink = new KvmSink({ interrupts: vm.interrupts, vm: vm.fd.number, pinGsi: PIN });
      return { sink, close: () => {} };
    },
  ],
  [
    'eventfds, irqfds and routes',
    ({ vm }) => {
      const routes = GsiRoutes.create(vm);
      const vectors = new IrqfdVectors(vm.interrupts, routes, 3);
      const pin = { interrupts: vm.interrupts, vm: vm.fd.number, gsi: PIN };
      const sink = new EventfdSink(vectors.eventfds, new GsiWiring(routes, vectors.firstGsi, pin));
      return { sink, close: () => vectors.close() };
    },
  ],
];

/** A started function whose queue 0 has vector 1. */
function started(sink: InterruptSink) {
  const control = new RecordedControl();
  const driver = new PciDriver(new VirtioPciFunction({ control, sink }));
  driver.start();
  driver.set16(CommonCfg.queueSelect, 0);
  driver.set16(CommonCfg.queueMsixVector, 1);
  return { driver, interrupts: control.interrupts! };
}

/** Whether the local APIC has the vector as requested. */
function isRequested({ state }: TinyGuest, vector: number): boolean {
  const requests = new DataView(state.lapic().buffer).getUint32(0x200 + 16 * (vector >> 5), true);
  return ((requests >>> (vector & 31)) & 1) === 1;
}

const ADDRESS = BigInt(MSI_ADDRESS);

describeWhere([kvmDevice], 'interrupts of a virtio function', () => {
  describe.each(WIRINGS)('by %s', (_name, wire) => {
    function withGuest(guest: TinyGuest, check: (parts: ReturnType<typeof started> & { sink: InterruptSink }) => void) {
      using _guest = guest;
      const { sink, close } = wire(guest);
      check({ ...started(sink), sink });
      close();
    }

    it('a used buffer notification is the message of its vector', () => {
      const guest = guestTakingMessages();
      withGuest(guest, ({ driver, interrupts }) => {
        driver.enableMsix();
        driver.setVector(1, { address: ADDRESS, data: MSI_VECTOR });
        interrupts.callQueue(0);
        expectInterrupt(guest);
      });
    });

    it('a masked vector sends nothing until it is unmasked, then the message of that time', () => {
      const guest = guestTakingMessages();
      withGuest(guest, ({ driver, interrupts }) => {
        driver.enableMsix();
        driver.setVector(1, { address: ADDRESS, data: MSI_VECTOR + 1 });
        driver.mask(1, true);
        interrupts.callQueue(0);
        expect(isRequested(guest, MSI_VECTOR + 1)).toBe(false);
        driver.setVector(1, { address: ADDRESS, data: MSI_VECTOR });
        expect(isRequested(guest, MSI_VECTOR + 1)).toBe(false);
        expectInterrupt(guest);
      });
    });

    it('a message that nobody takes is lost without harm', () => {
      const guest = guestTakingMessages();
      withGuest(guest, ({ driver, interrupts }) => {
        driver.enableMsix();
        driver.setVector(1, { address: 0xffff_ffff_ffff_fffcn, data: 0xffffffff });
        interrupts.callQueue(0);
        driver.setVector(1, { address: ADDRESS, data: MSI_VECTOR });
        interrupts.callQueue(0);
        expectInterrupt(guest);
      });
    });

    it('a Worker raises the same', () => {
      const guest = guestTakingMessages();
      withGuest(guest, ({ driver, interrupts }) => {
        driver.enableMsix();
        driver.setVector(1, { address: ADDRESS, data: MSI_VECTOR });
        openInterrupts(structuredClone(interrupts.share()!)).callQueue(0);
        expectInterrupt(guest);
      });
    });

    it('INTA# stays asserted until ISR status is read', () => {
      const guest = guestWithPic();
      withGuest(guest, ({ driver, interrupts }) => {
        openInterrupts(interrupts.share()!).callQueue(0);
        expectInterrupt(guest);
        expect(driver.readIsr()).toBe(IsrStatus.queue);
        expectExitPort(guest);
        interrupts.callConfig();
        expectInterrupt(guest);
      });
    });
  });
});
