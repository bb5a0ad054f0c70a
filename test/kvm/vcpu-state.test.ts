import { decodeExit, EXIT_REASONS, GuestDebugFlag, Kvm, type KvmExit, MpState, VcpuState, type Vm } from 'ioregion/kvm';
import { expect, it } from 'vitest';
import { describeWhere, kvmDevice } from '../support/require.js';
import { exit, movEax, protectedMode } from '../support/tiny-code.js';
import { TINY_GUEST_CODE, tinyGuest } from '../support/tiny-guest.js';

const MSR_TSC = 0x10;
const MSR_SYSENTER_CS = 0x174;
const MSR_SYSENTER_ESP = 0x175;
const MSR_NONE = 0xdead_beef;

function withVcpu(check: (state: VcpuState, vm: Vm) => void, prepare: (vm: Vm) => void = () => {}): void {
  using kvm = Kvm.open();
  using vm = kvm.createVm();
  prepare(vm);
  using fd = vm.createVcpuFd(0);
  check(new VcpuState(fd), vm);
}

const withIrqchip = (check: (state: VcpuState, vm: Vm) => void) =>
  withVcpu(check, (vm) => vm.interrupts.createIrqchip());

const refused = (ioctl: string, errnoName: string) => expect.objectContaining({ ioctl, errnoName });

describeWhere([kvmDevice], 'the state of a vCPU', () => {
  it('keeps general purpose registers', () => {
    withVcpu((state) => {
      const names = Object.keys(state.regs()).filter((name) => name !== 'rflags');
      const values = names.map((name, i) => [name, 0x1_0000_0001n * BigInt(i + 1)]);
      const regs = { ...state.regs(), ...Object.fromEntries(values), rflags: 2n };
      state.setRegs(regs);
      expect(state.regs()).toEqual(regs);
    });
  });

  it('keeps special registers, and refuses a state no CPU can be in', () => {
    withVcpu((state) => {
      const sregs = state.sregs();
      sregs.es = { ...sregs.es, base: 0x1230n, selector: 0x123 };
      sregs.idt = { base: 0x5000n, limit: 0x3ff };
      state.setSregs(sregs);
      expect(state.sregs()).toMatchObject({ es: sregs.es, idt: sregs.idt });
      const pagingWithoutProtection = { ...sregs, cr0: 1n << 31n };
      expect(() => state.setSregs(pagingWithoutProtection)).toThrow(refused('KVM_SET_SREGS', 'EINVAL'));
    });
  });

  it('keeps floating point registers', () => {
    withVcpu((state) => {
      const fpu = { ...state.fpu(), fcw: 0x37f };
      fpu.xmm[3] = Uint8Array.from({ length: 16 }, (_, i) => i);
      state.setFpu(fpu);
      expect(state.fpu()).toMatchObject({ fcw: 0x37f, xmm: fpu.xmm });
    });
  });

  it('keeps debug registers', () => {
    withVcpu((state) => {
      state.setDebugRegs({ ...state.debugRegs(), db: [1n, 2n, 3n, 4n] });
      expect(state.debugRegs().db).toEqual([1n, 2n, 3n, 4n]);
    });
  });

  it('keeps the extended state, which holds the SSE registers too', () => {
    withVcpu((state) => {
      const SSE_REGISTER_0 = 160;
      const SSE_IN_USE = 512;
      const xsave = state.xsave();
      expect(xsave.length).toBe(4096);
      xsave.set([1, 2, 3, 4], SSE_REGISTER_0);
      xsave[SSE_IN_USE] = xsave[SSE_IN_USE]! | 2;
      state.setXsave(xsave);
      expect([...state.fpu().xmm[0]!.subarray(0, 4)]).toEqual([1, 2, 3, 4]);
      state.setXcrs(state.xcrs());
      expect(state.xcrs()).toMatchObject({ nrXcrs: 1 });
    });
  });

  it('keeps MSRs, up to the first one this host does not have', () => {
    withVcpu((state) => {
      state.setMsrs([
        { index: MSR_SYSENTER_CS, data: 0x8n },
        { index: MSR_SYSENTER_ESP, data: 0x9000n },
      ]);
      expect(state.msrs([MSR_SYSENTER_ESP, MSR_SYSENTER_CS]).map(({ data }) => data)).toEqual([0x9000n, 0x8n]);
      const unknown = expect.objectContaining({ code: 'ERR_IOREGION_KVM_MSR', index: MSR_NONE, handled: 1 });
      expect(() => state.msrs([MSR_TSC, MSR_NONE])).toThrow(unknown);
      expect(() =>
        state.setMsrs([
          { index: MSR_SYSENTER_CS, data: 0x10n },
          { index: MSR_NONE, data: 0n },
        ]),
      ).toThrow(unknown);
      expect(state.msrs([MSR_SYSENTER_CS])[0]!.data).toBe(0x10n);
    });
  });

  it('keeps CPUID until the first run', () => {
    using guest = tinyGuest(exit);
    const marker = { function: 0x4000_0f00, index: 0, flags: 0, eax: 1, ebx: 2, ecx: 3, edx: 0xffff_ffff };
    const entries = [...guest.kvm.supportedCpuid(), marker];
    guest.state.setCpuid(entries);
    expect(guest.state.cpuid()).toContainEqual(marker);
    guest.run();
    const changed = entries.map((leaf) => ({ ...leaf, ebx: (leaf.ebx ^ 0x00ff_0000) >>> 0 }));
    expect(() => guest.state.setCpuid(changed)).toThrow(refused('KVM_SET_CPUID2', 'EINVAL'));
  });

  it('refuses more CPUID leaves than the kernel takes', () => {
    withVcpu((state, vm) => {
      const [leaf] = vm.kvm.supportedCpuid();
      expect(() => state.setCpuid(new Array(257).fill(leaf))).toThrow(refused('KVM_SET_CPUID2', 'E2BIG'));
    });
  });

  it('keeps pending events', () => {
    withVcpu((state) => {
      state.injectNmi();
      expect(state.events().nmi.pending).toBe(1);
      const events = state.events();
      state.setEvents({ ...events, nmi: { ...events.nmi, pending: 0 } });
      expect(state.events().nmi.pending).toBe(0);
    });
  });

  it('queues an external interrupt where no irqchip is in the kernel, one at a time', () => {
    withVcpu((state) => {
      state.injectInterrupt(0x21);
      expect(state.sregs().interruptBitmap).toEqual([1n << 0x21n, 0n, 0n, 0n]);
      expect(() => state.injectInterrupt(0x100)).toThrow(refused('KVM_INTERRUPT', 'EINVAL'));
    });
    withIrqchip((state) => expect(() => state.injectInterrupt(0x21)).toThrow(refused('KVM_INTERRUPT', 'ENXIO')));
  });

  it('has a local APIC and wait states with an irqchip only', () => {
    withIrqchip((state) => {
      const lapic = state.lapic();
      const SPURIOUS_VECTOR = 0xf0;
      lapic[SPURIOUS_VECTOR] = 0xef;
      state.setLapic(lapic);
      expect([state.lapic()[SPURIOUS_VECTOR], lapic.length]).toEqual([0xef, 1024]);
      expect(state.mpState()).toBe(MpState.runnable);
      state.setMpState(MpState.halted);
      expect(state.mpState()).toBe(MpState.halted);
    });
    withVcpu((state) => {
      expect(() => state.lapic()).toThrow(refused('KVM_GET_LAPIC', 'EINVAL'));
      expect(() => state.setLapic(new Uint8Array(1024))).toThrow(refused('KVM_SET_LAPIC', 'EINVAL'));
      expect(() => state.setMpState(MpState.sipiReceived)).toThrow(refused('KVM_SET_MP_STATE', 'EINVAL'));
    });
  });

  it('tells the frequency of its time stamp counter, and takes that one', () => {
    withVcpu((state) => {
      const khz = state.tscKhz();
      expect(khz).toBeGreaterThan(100_000);
      state.setTscKhz(khz);
      expect(state.tscKhz()).toBe(khz);
    });
  });

  it('translates addresses, identically while paging is off', () => {
    using guest = tinyGuest(exit, { boot: protectedMode });
    expect(guest.state.translate(0x1234n)).toMatchObject({ physicalAddress: 0x1234n, valid: 1 });
  });

  it('steps through the guest one instruction at a time', () => {
    using guest = tinyGuest([...movEax(1), ...movEax(2), ...exit], { boot: protectedMode });
    guest.state.setGuestDebug(GuestDebugFlag.enable | GuestDebugFlag.singlestep);
    const pcs = [1, 2].map(() => {
      expect(guest.run()).toBe(EXIT_REASONS.KVM_EXIT_DEBUG);
      return (decodeExit(guest.page.buffer) as Extract<KvmExit, { reason: 'KVM_EXIT_DEBUG' }>).pc;
    });
    expect(pcs.map(Number)).toEqual([TINY_GUEST_CODE + 5, TINY_GUEST_CODE + 10]);
    guest.state.setGuestDebug(0);
    expect(guest.run()).toBe(EXIT_REASONS.KVM_EXIT_IO);
  });

  it('can be reached by the number of its descriptor alone, as from another thread', () => {
    withVcpu((state) => {
      state.setRegs({ ...state.regs(), rax: 77n });
      expect(new VcpuState({ number: state.fd.number }).regs().rax).toBe(77n);
    });
  });

  it('is out of reach once the descriptor is closed', () => {
    using kvm = Kvm.open();
    using vm = kvm.createVm();
    const fd = vm.createVcpuFd(0);
    const state = new VcpuState(fd);
    fd.close();
    expect(() => state.regs()).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_FD_CLOSED' }));
  });
});
