/** `struct kvm_run`: its head, and one layout for each exit whose union member x86 fills. Offsets count from the page. */
import { array, bytes, cNamed, u8, u16, u32, u64 } from './c-types.js';
import { padding, struct } from './struct.js';

/** Where the union of the exits starts. */
export const EXIT_UNION_OFFSET = 32;
/** Size of that union in bytes. */
export const EXIT_UNION_BYTES = 256;

const head = padding(EXIT_UNION_OFFSET);

export const kvmRun = struct('kvm_run', {
  requestInterruptWindow: u8,
  immediateExit: u8,
  padding1: padding(6),
  exitReason: u32,
  readyForInterruptInjection: u8,
  ifFlag: u8,
  flags: u16,
  cr8: u64,
  apicBase: u64,
});

export const kvmRunHw = struct('kvm_run', { head, hardwareExitReason: cNamed('hw.hardware_exit_reason', u64) });

export const kvmRunException = struct('kvm_run', {
  head,
  exception: cNamed('ex.exception', u32),
  errorCode: cNamed('ex.error_code', u32),
});

export const kvmRunIo = struct('kvm_run', {
  head,
  direction: cNamed('io.direction', u8),
  size: cNamed('io.size', u8),
  port: cNamed('io.port', u16),
  count: cNamed('io.count', u32),
  dataOffset: cNamed('io.data_offset', u64),
});
export const IO_OUT = 1;

export const kvmRunMmio = struct('kvm_run', {
  head,
  physAddr: cNamed('mmio.phys_addr', u64),
  data: cNamed('mmio.data', bytes(8)),
  len: cNamed('mmio.len', u32),
  isWrite: cNamed('mmio.is_write', u8),
});

export const kvmRunHypercall = struct('kvm_run', {
  head,
  nr: cNamed('hypercall.nr', u64),
  args: cNamed('hypercall.args', array(u64, 6)),
  ret: cNamed('hypercall.ret', u64),
  longmode: cNamed('hypercall.longmode', u32),
});

export const kvmRunDebug = struct('kvm_run', {
  head,
  exception: cNamed('debug.arch.exception', u32),
  pad: padding(4),
  pc: cNamed('debug.arch.pc', u64),
  dr6: cNamed('debug.arch.dr6', u64),
  dr7: cNamed('debug.arch.dr7', u64),
});

export const kvmRunTprAccess = struct('kvm_run', {
  head,
  rip: cNamed('tpr_access.rip', u64),
  isWrite: cNamed('tpr_access.is_write', u32),
});

export const kvmRunFailEntry = struct('kvm_run', {
  head,
  hardwareEntryFailureReason: cNamed('fail_entry.hardware_entry_failure_reason', u64),
  cpu: cNamed('fail_entry.cpu', u32),
});

export const kvmRunInternal = struct('kvm_run', {
  head,
  suberror: cNamed('internal.suberror', u32),
  ndata: cNamed('internal.ndata', u32),
  data: cNamed('internal.data', array(u64, 16)),
});

/** The same bytes as `internal`, where the suberror is KVM_INTERNAL_ERROR_EMULATION. */
export const kvmRunEmulationFailure = struct('kvm_run', {
  head,
  suberror: cNamed('emulation_failure.suberror', u32),
  ndata: cNamed('emulation_failure.ndata', u32),
  flags: cNamed('emulation_failure.flags', u64),
  insnSize: cNamed('emulation_failure.insn_size', u8),
  insnBytes: cNamed('emulation_failure.insn_bytes', bytes(15)),
});
/** KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES: `insnSize` and `insnBytes` hold something. */
export const INSTRUCTION_BYTES_VALID = 1n;

export const kvmRunSystemEvent = struct('kvm_run', {
  head,
  type: cNamed('system_event.type', u32),
  ndata: cNamed('system_event.ndata', u32),
  data: cNamed('system_event.data', array(u64, 16)),
});

export const kvmRunEoi = struct('kvm_run', { head, vector: cNamed('eoi.vector', u8) });

export const kvmRunMsr = struct('kvm_run', {
  head,
  error: cNamed('msr.error', u8),
  pad: padding(7),
  reason: cNamed('msr.reason', u32),
  index: cNamed('msr.index', u32),
  data: cNamed('msr.data', u64),
});

export const kvmRunNotify = struct('kvm_run', { head, flags: cNamed('notify.flags', u32) });

/** Newer than the headers of many distributions (Linux 6.8). */
export const kvmRunMemoryFault = struct('kvm_run', {
  head,
  flags: cNamed('memory_fault.flags', u64),
  gpa: cNamed('memory_fault.gpa', u64),
  size: cNamed('memory_fault.size', u64),
});
/** KVM_MEMORY_EXIT_FLAG_PRIVATE. */
export const MEMORY_FAULT_PRIVATE = 8n;
