/** Register structures of a vCPU, as <asm/kvm.h> lays them out on x86-64. */
import { array, bytes, u8, u16, u32, u64 } from './c-types.js';
import { padding, struct, type ValueOf } from './struct.js';

export const kvmRegs = struct('kvm_regs', {
  rax: u64,
  rbx: u64,
  rcx: u64,
  rdx: u64,
  rsi: u64,
  rdi: u64,
  rsp: u64,
  rbp: u64,
  r8: u64,
  r9: u64,
  r10: u64,
  r11: u64,
  r12: u64,
  r13: u64,
  r14: u64,
  r15: u64,
  rip: u64,
  rflags: u64,
});
/** General purpose registers, instruction pointer and flags. */
export type Regs = ValueOf<typeof kvmRegs>;

export const kvmSegment = struct('kvm_segment', {
  base: u64,
  limit: u32,
  selector: u16,
  type: u8,
  present: u8,
  dpl: u8,
  db: u8,
  s: u8,
  l: u8,
  g: u8,
  avl: u8,
  unusable: u8,
  padding: padding(1),
});
/** A segment register with its hidden part; flags are 0 or 1, `limit` is in bytes whatever `g` says. */
export type Segment = ValueOf<typeof kvmSegment>;

export const kvmDtable = struct('kvm_dtable', { base: u64, limit: u16, padding: padding(6) });
/** GDTR or IDTR. */
export type DescriptorTable = ValueOf<typeof kvmDtable>;

export const kvmSregs = struct('kvm_sregs', {
  cs: kvmSegment,
  ds: kvmSegment,
  es: kvmSegment,
  fs: kvmSegment,
  gs: kvmSegment,
  ss: kvmSegment,
  tr: kvmSegment,
  ldt: kvmSegment,
  gdt: kvmDtable,
  idt: kvmDtable,
  cr0: u64,
  cr2: u64,
  cr3: u64,
  cr4: u64,
  cr8: u64,
  efer: u64,
  apicBase: u64,
  interruptBitmap: array(u64, 4),
});
/** Segment, descriptor table and control registers; `interruptBitmap` has the bit of an interrupt waiting to be injected. */
export type Sregs = ValueOf<typeof kvmSregs>;

export const kvmFpu = struct('kvm_fpu', {
  fpr: array(bytes(16), 8),
  fcw: u16,
  fsw: u16,
  ftwx: u8,
  pad1: padding(1),
  lastOpcode: u16,
  lastIp: u64,
  lastDp: u64,
  xmm: array(bytes(16), 16),
  mxcsr: u32,
  pad2: padding(4),
});
/** x87 and SSE state; `ftwx` is in FXSAVE's short form. */
export type Fpu = ValueOf<typeof kvmFpu>;

export const kvmDebugregs = struct('kvm_debugregs', {
  db: array(u64, 4),
  dr6: u64,
  dr7: u64,
  flags: u64,
  reserved: padding(72),
});
export type DebugRegs = ValueOf<typeof kvmDebugregs>;

const kvmXcr = struct('kvm_xcr', { xcr: u32, reserved: padding(4), value: u64 });

export const kvmXcrs = struct('kvm_xcrs', {
  nrXcrs: u32,
  flags: u32,
  xcrs: array(kvmXcr, 16),
  padding: padding(128),
});
/** Extended control registers; only the first `nrXcrs` entries count. */
export type Xcrs = ValueOf<typeof kvmXcrs>;

/** `struct kvm_lapic_state`: the register page of the local APIC, one 32-bit register every 16 bytes. */
export const LAPIC_STATE_BYTES = 0x400;
/** `struct kvm_xsave`, in the layout that CPUID leaf 0xd describes. */
export const XSAVE_STATE_BYTES = 4096;
