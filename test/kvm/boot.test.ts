import { existsSync } from 'node:fs';
import {
  type BootableVcpu,
  describeExit,
  descriptorTables,
  EXIT_REASONS,
  enterLongMode,
  enterProtectedMode,
  enterRealMode,
  identityMap,
  identityMapBytes,
  Rflags,
} from 'ioregion/kvm';
import { expect, it } from 'vitest';
import { describeWhere, kvmDevice } from '../support/require.js';
import { EXIT_PORT, exit } from '../support/tiny-code.js';
import { TINY_GUEST_CODE, type TinyGuest, tinyGuest } from '../support/tiny-guest.js';

const entry = TINY_GUEST_CODE;
const STACK = 0x8000;
const DESCRIPTORS = 0x2_0000;
const KERNEL_STACK = 0x9000;
const PAGE_TABLES = 0x1_0000;
const MAPPED_GIB = 5;
const HIGH_MMIO = 0x1_2345_6000;

const inLongMode =
  (privilege: 'kernel' | 'user', registers = {}) =>
  (vcpu: BootableVcpu, memory: Uint8Array): void => {
    memory.set(identityMap(PAGE_TABLES, MAPPED_GIB), PAGE_TABLES);
    memory.set(descriptorTables(DESCRIPTORS, 64, KERNEL_STACK), DESCRIPTORS);
    enterLongMode(vcpu, {
      entry,
      stack: STACK,
      pageTables: PAGE_TABLES,
      descriptorTables: DESCRIPTORS,
      privilege,
      registers,
    });
  };

const inProtectedMode = (vcpu: BootableVcpu, memory: Uint8Array): void => {
  memory.set(descriptorTables(DESCRIPTORS, 32, KERNEL_STACK), DESCRIPTORS);
  enterProtectedMode(vcpu, { entry, stack: STACK, descriptorTables: DESCRIPTORS });
};

function expectExitPort({ run, page }: TinyGuest, value: number): void {
  const reason = run();
  expect([reason, page.io.port, page.io.value()], describeExit(page.buffer)).toEqual([
    EXIT_REASONS.KVM_EXIT_IO,
    EXIT_PORT,
    value,
  ]);
}

const isPvm = existsSync('/sys/module/kvm_pvm');
if (!isPvm)
  console.warn('skipped: a guest that takes interrupts in user mode: seen to work under the PVM kind of KVM only');

const movAl = (value: number): number[] => [0xb0, value];
/** MOV EAX, CS; AND AL, 3. */
const privilegeToAl = [0x8c, 0xc8, 0x24, 0x03];
/** PUSH 5; POP RAX: the stack works. */
const throughStack = [0x6a, 0x05, 0x58];

/** A 64-bit interrupt gate to kernel code below 64 KiB. */
function interruptGate(handler: number): Uint8Array {
  const KERNEL_CODE = 0x08;
  const PRESENT_INTERRUPT_GATE = 0x8e00;
  return new Uint8Array(Uint16Array.of(handler, KERNEL_CODE, PRESENT_INTERRUPT_GATE, 0).buffer);
}

describeWhere([kvmDevice], 'a guest started', () => {
  it('in real mode runs 16-bit code with a stack', () => {
    using guest = tinyGuest([...throughStack, ...exit]);
    expectExitPort(guest, 5);
    expect(guest.state.regs().rsp).toBe(BigInt(STACK));
  });

  it('in real mode can start above the first 64 KiB', () => {
    const above = 0x2_1230;
    using guest = tinyGuest([], { boot: (vcpu) => enterRealMode(vcpu, { entry: above, registers: { rax: 7n } }) });
    guest.memory.set(exit, above);
    expectExitPort(guest, 7);
  });

  it('in protected mode can load segments from its descriptor table', () => {
    const KERNEL_DATA = 0x10;
    const loadSegments = [0xb8, KERNEL_DATA, 0, 0, 0, 0x8e, 0xd8, 0x8e, 0xd0, 0x8e, 0xe8];
    using guest = tinyGuest([...loadSegments, ...throughStack, ...exit], { boot: inProtectedMode });
    expectExitPort(guest, 5);
    expect(guest.state.sregs().ds).toMatchObject({ selector: KERNEL_DATA, limit: 0xffff_ffff, db: 1, dpl: 0 });
  });

  it.each([
    ['kernel', 0],
    ['user', 3],
  ] as const)('in long mode at %s privilege has that privilege, a stack and its ports', (privilege, level) => {
    using guest = tinyGuest([...throughStack, ...exit, ...privilegeToAl, ...exit], { boot: inLongMode(privilege) });
    expectExitPort(guest, 5);
    expectExitPort(guest, level);
  });

  it.each(['kernel', 'user'] as const)(
    'in long mode at %s privilege reaches all memory that is mapped',
    (privilege) => {
      const registers = { rbx: BigInt(HIGH_MMIO), rdi: BigInt(MAPPED_GIB) << 30n };
      const loadRbx = [0x48, 0x8b, 0x03];
      const loadRdi = [0x48, 0x8b, 0x07];
      using guest = tinyGuest([...loadRbx, ...exit, ...loadRdi], { boot: inLongMode(privilege, registers) });
      expect(guest.run()).toBe(EXIT_REASONS.KVM_EXIT_MMIO);
      expect([guest.page.mmio.address, guest.page.mmio.size]).toEqual([HIGH_MMIO, 8]);
      guest.page.mmio.value = 0x21;
      expectExitPort(guest, 0x21);
      expect(guest.run(), 'beyond the map there is only a fault').toBe(EXIT_REASONS.KVM_EXIT_SHUTDOWN);
    },
  );

  // QEMU's emulation of AMD SVM answers with a triple fault; why is not known.
  it.skipIf(!isPvm)('in user mode takes interrupts on its kernel stack, and returns', () => {
    const VECTOR = 0x40;
    const IDT = 0x3000;
    const HANDLER = 0x4000;
    const FRAME_BYTES = 5 * 8;
    const returnFromInterrupt = [0x48, 0xcf];
    using guest = tinyGuest([...privilegeToAl, ...exit], { boot: inLongMode('user') });
    guest.memory.set([...privilegeToAl, ...exit, ...returnFromInterrupt], HANDLER);
    guest.memory.set(interruptGate(HANDLER), IDT + 16 * VECTOR);
    guest.state.setSregs({ ...guest.state.sregs(), idt: { base: BigInt(IDT), limit: 0xfff } });
    guest.state.setRegs({ ...guest.state.regs(), rflags: Rflags.fixed | Rflags.IF });
    guest.state.injectInterrupt(VECTOR);
    expectExitPort(guest, 0);
    expect(guest.state.regs().rsp).toBe(BigInt(KERNEL_STACK - FRAME_BYTES));
    expectExitPort(guest, 3);
    expect(guest.state.regs().rsp).toBe(BigInt(STACK));
  });

  it('has only the registers it was given', () => {
    using guest = tinyGuest([...movAl(1), ...exit]);
    enterRealMode(guest.state, { entry, registers: { rcx: 3n } });
    expect(guest.state.regs()).toMatchObject({ rax: 0n, rcx: 3n, rdx: 0n, rip: BigInt(entry), rflags: 2n });
  });
});

describeWhere([kvmDevice], 'page tables', () => {
  it('map what the vCPU then translates, and nothing else', () => {
    using guest = tinyGuest(exit, { boot: inLongMode('kernel') });
    for (const address of [0n, 0x1234n, 0x4000_0000n, (BigInt(MAPPED_GIB) << 30n) - 1n]) {
      expect(guest.state.translate(address)).toMatchObject({ valid: 1, physicalAddress: address });
    }
    expect(guest.state.translate(BigInt(MAPPED_GIB) << 30n).valid).toBe(0);
  });

  it('stay within the bytes they announce', () => {
    expect(identityMap(PAGE_TABLES, MAPPED_GIB).length).toBe(identityMapBytes(MAPPED_GIB));
  });
});
