import { KvmIoctlError, KvmMsrError } from './errors.js';
import { type Descriptor, decodeList, encodeList, ioctl, ioctlData, ioctlGet, ioctlSet } from './ioctl.js';
import type { IoctlName } from './uapi/ioctls.js';
import {
  type DebugRegs,
  type Fpu,
  kvmDebugregs,
  kvmFpu,
  kvmRegs,
  kvmSregs,
  kvmXcrs,
  LAPIC_STATE_BYTES,
  type Regs,
  type Sregs,
  type Xcrs,
  XSAVE_STATE_BYTES,
} from './uapi/registers.js';
import {
  type CpuidEntry,
  kvmCpuid2,
  kvmCpuidEntry2,
  kvmGuestDebug,
  kvmInterrupt,
  kvmMpState,
  kvmMsrEntry,
  kvmMsrs,
  kvmTranslation,
  kvmVcpuEvents,
  type MsrEntry,
  type Translation,
  type VcpuEvents,
} from './uapi/vcpu-structs.js';

const MAX_CPUID_ENTRIES = 256;

/**
 * The registers and other state of a vCPU. It holds no resource, so several may exist for one vCPU, on any thread; but
 * while the vCPU runs, the calls block until it stops.
 */
export class VcpuState {
  readonly fd: Descriptor;

  /** @param fd what `vm.createVcpuFd` gave, or `{ number }` with its number on another thread of the process */
  constructor(fd: Descriptor) {
    this.fd = fd;
  }

  regs(): Regs {
    return ioctlGet(this.fd, 'KVM_GET_REGS', kvmRegs);
  }

  setRegs(regs: Regs): void {
    ioctlSet(this.fd, 'KVM_SET_REGS', kvmRegs, regs);
  }

  sregs(): Sregs {
    return ioctlGet(this.fd, 'KVM_GET_SREGS', kvmSregs);
  }

  /** @throws KvmIoctlError EINVAL where the registers contradict each other */
  setSregs(sregs: Sregs): void {
    ioctlSet(this.fd, 'KVM_SET_SREGS', kvmSregs, sregs);
  }

  fpu(): Fpu {
    return ioctlGet(this.fd, 'KVM_GET_FPU', kvmFpu);
  }

  /** KVM leaves `mxcsr` as it is: that goes by `setXsave`. */
  setFpu(fpu: Fpu): void {
    ioctlSet(this.fd, 'KVM_SET_FPU', kvmFpu, fpu);
  }

  debugRegs(): DebugRegs {
    return ioctlGet(this.fd, 'KVM_GET_DEBUGREGS', kvmDebugregs);
  }

  setDebugRegs(debugRegs: DebugRegs): void {
    ioctlSet(this.fd, 'KVM_SET_DEBUGREGS', kvmDebugregs, debugRegs);
  }

  xcrs(): Xcrs {
    return ioctlGet(this.fd, 'KVM_GET_XCRS', kvmXcrs);
  }

  setXcrs(xcrs: Xcrs): void {
    ioctlSet(this.fd, 'KVM_SET_XCRS', kvmXcrs, xcrs);
  }

  /** 4096 bytes in the layout that CPUID leaf 0xd describes. */
  xsave(): Uint8Array {
    return this.#getBytes('KVM_GET_XSAVE', XSAVE_STATE_BYTES);
  }

  setXsave(xsave: Uint8Array): void {
    ioctlData(this.fd, 'KVM_SET_XSAVE', xsave);
  }

  /** The 1024 bytes of the local APIC's register page. Needs an in-kernel irqchip. */
  lapic(): Uint8Array {
    return this.#getBytes('KVM_GET_LAPIC', LAPIC_STATE_BYTES);
  }

  setLapic(lapic: Uint8Array): void {
    ioctlData(this.fd, 'KVM_SET_LAPIC', lapic);
  }

  /** One of `MpState`. */
  mpState(): number {
    return ioctlGet(this.fd, 'KVM_GET_MP_STATE', kvmMpState).mpState;
  }

  setMpState(mpState: number): void {
    ioctlSet(this.fd, 'KVM_SET_MP_STATE', kvmMpState, { mpState });
  }

  events(): VcpuEvents {
    return ioctlGet(this.fd, 'KVM_GET_VCPU_EVENTS', kvmVcpuEvents);
  }

  setEvents(events: VcpuEvents): void {
    ioctlSet(this.fd, 'KVM_SET_VCPU_EVENTS', kvmVcpuEvents, events);
  }

  /** The values of these MSRs. @throws KvmMsrError at the first one this host does not have */
  msrs(indices: readonly number[]): MsrEntry[] {
    const data = this.#msrIoctl(
      'KVM_GET_MSRS',
      indices.map((index) => ({ index, data: 0n })),
    );
    return decodeList(data, kvmMsrs.size, kvmMsrEntry, indices.length);
  }

  /** Sets them in order; those before the one refused stay set. @throws KvmMsrError */
  setMsrs(entries: readonly MsrEntry[]): void {
    this.#msrIoctl('KVM_SET_MSRS', entries);
  }

  /** The CPUID leaves the guest sees. */
  cpuid(): CpuidEntry[] {
    const data = new Uint8Array(kvmCpuid2.size + MAX_CPUID_ENTRIES * kvmCpuidEntry2.size);
    kvmCpuid2.encodeInto(data, 0, { nent: MAX_CPUID_ENTRIES });
    ioctlData(this.fd, 'KVM_GET_CPUID2', data);
    const entries = decodeList(data, kvmCpuid2.size, kvmCpuidEntry2, kvmCpuid2.decode(data).nent);
    // Linux 6.1 leaves the number as it was asked: what it has not filled in is zero.
    return entries.slice(0, entries.findLastIndex((entry) => Object.values(entry).some((value) => value !== 0)) + 1);
  }

  /** Before the first run. */
  setCpuid(entries: readonly CpuidEntry[]): void {
    const encoded = entries.map((entry) => kvmCpuidEntry2.encode(entry));
    ioctlData(this.fd, 'KVM_SET_CPUID2', encodeList(kvmCpuid2, { nent: entries.length }, encoded));
  }

  tscKhz(): number {
    return ioctl(this.fd, 'KVM_GET_TSC_KHZ');
  }

  setTscKhz(khz: number): void {
    ioctl(this.fd, 'KVM_SET_TSC_KHZ', khz);
  }

  /**
   * Tells a guest that uses kvmclock that this vCPU was stopped for a while, so that its watchdog takes no offence. After a
   * pause and before the next run. False where the guest has not set up kvmclock.
   */
  notePause(): boolean {
    try {
      ioctl(this.fd, 'KVM_KVMCLOCK_CTRL');
      return true;
    } catch (error) {
      if (error instanceof KvmIoctlError && error.errnoName === 'EINVAL') return false;
      throw error;
    }
  }

  /** Queues a non-maskable interrupt. */
  injectNmi(): void {
    ioctl(this.fd, 'KVM_NMI');
  }

  /** Queues external interrupt `vector`, where the VM has no in-kernel irqchip. */
  injectInterrupt(vector: number): void {
    ioctlSet(this.fd, 'KVM_INTERRUPT', kvmInterrupt, { irq: vector });
  }

  /** Sets debugging (bits of `GuestDebugFlag`) and the eight debug registers it uses. 0 ends it. */
  setGuestDebug(control: number, debugreg: bigint[] = []): void {
    ioctlSet(this.fd, 'KVM_SET_GUEST_DEBUG', kvmGuestDebug, { control, arch: { debugreg } });
  }

  /** Walks the vCPU's page tables; `valid` is 0 where nothing is mapped. */
  translate(linearAddress: bigint): Translation {
    const data = kvmTranslation.encode({ linearAddress });
    ioctlData(this.fd, 'KVM_TRANSLATE', data);
    return kvmTranslation.decode(data);
  }

  #getBytes(name: IoctlName, length: number): Uint8Array {
    const data = new Uint8Array(length);
    ioctlData(this.fd, name, data);
    return data;
  }

  #msrIoctl(name: 'KVM_GET_MSRS' | 'KVM_SET_MSRS', entries: readonly MsrEntry[]): Uint8Array {
    const encoded = entries.map((entry) => kvmMsrEntry.encode(entry));
    const data = encodeList(kvmMsrs, { nmsrs: entries.length }, encoded);
    const handled = ioctlData(this.fd, name, data);
    const refused = entries[handled];
    if (refused !== undefined) throw new KvmMsrError(name, refused.index, handled);
    return data;
  }
}
