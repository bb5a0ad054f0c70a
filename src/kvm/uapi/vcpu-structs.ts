/** Structures for the rest of a vCPU's state: pending events, run state, MSRs and CPUID. */
import { array, u8, u32, u64 } from './c-types.js';
import { padding, struct, type ValueOf } from './struct.js';

const exception = struct('', { injected: u8, nr: u8, hasErrorCode: u8, pending: u8, errorCode: u32 });
const interrupt = struct('', { injected: u8, nr: u8, soft: u8, shadow: u8 });
const nmi = struct('', { injected: u8, pending: u8, masked: u8, pad: padding(1) });
const smi = struct('', { smm: u8, pending: u8, smmInsideNmi: u8, latchedInit: u8 });
const tripleFault = struct('', { pending: u8 });

export const kvmVcpuEvents = struct('kvm_vcpu_events', {
  exception,
  interrupt,
  nmi,
  sipiVector: u32,
  flags: u32,
  smi,
  tripleFault,
  reserved: padding(26),
  exceptionHasPayload: u8,
  exceptionPayload: u64,
});
/** Exceptions, interrupts, NMIs and SMIs that are pending or being delivered. */
export type VcpuEvents = ValueOf<typeof kvmVcpuEvents>;

/** Bits of `VcpuEvents.flags`: which of the optional fields the kernel takes over. */
export const VcpuEventFlag = {
  nmiPending: 0x01,
  sipiVector: 0x02,
  shadow: 0x04,
  smm: 0x08,
  payload: 0x10,
  tripleFault: 0x20,
} as const;

export const kvmMpState = struct('kvm_mp_state', { mpState: u32 });
/** KVM_MP_STATE_*: what an application processor is waiting for. */
export const MpState = {
  runnable: 0,
  uninitialized: 1,
  initReceived: 2,
  halted: 3,
  sipiReceived: 4,
} as const;

export const kvmInterrupt = struct('kvm_interrupt', { irq: u32 });

/** Head of `struct kvm_msrs`; the entries follow it. */
export const kvmMsrs = struct('kvm_msrs', { nmsrs: u32, pad: padding(4) });
export const kvmMsrEntry = struct('kvm_msr_entry', { index: u32, reserved: padding(4), data: u64 });
/** A model specific register and its value. */
export type MsrEntry = ValueOf<typeof kvmMsrEntry>;

/** Head of `struct kvm_msr_list`; 32-bit indices follow it. */
export const kvmMsrList = struct('kvm_msr_list', { nmsrs: u32 });

/** Head of `struct kvm_cpuid2`; the entries follow it. */
export const kvmCpuid2 = struct('kvm_cpuid2', { nent: u32, padding: padding(4) });
export const kvmCpuidEntry2 = struct('kvm_cpuid_entry2', {
  function: u32,
  index: u32,
  flags: u32,
  eax: u32,
  ebx: u32,
  ecx: u32,
  edx: u32,
  padding: padding(12),
});
/** One CPUID leaf; `flags` bit 0 says that `index` (the subleaf) matters. */
export type CpuidEntry = ValueOf<typeof kvmCpuidEntry2>;

export const kvmTranslation = struct('kvm_translation', {
  linearAddress: u64,
  physicalAddress: u64,
  valid: u8,
  writeable: u8,
  usermode: u8,
  pad: padding(5),
});
/** What a linear address means under the vCPU's current page tables. */
export type Translation = ValueOf<typeof kvmTranslation>;

const guestDebugArch = struct('', { debugreg: array(u64, 8) });
export const kvmGuestDebug = struct('kvm_guest_debug', { control: u32, pad: padding(4), arch: guestDebugArch });
/** Bits of `kvm_guest_debug.control`. */
export const GuestDebugFlag = { enable: 1, singlestep: 2, useSwBreakpoint: 0x10000, useHwBreakpoint: 0x20000 } as const;
