/** Exits that are not on a hot path, decoded into objects. */
import {
  constantName,
  type ExitReasonName,
  exitReasonName,
  INTERNAL_ERRORS,
  SYSTEM_EVENTS,
} from './uapi/exit-reasons.js';
import {
  EXIT_UNION_BYTES,
  EXIT_UNION_OFFSET,
  INSTRUCTION_BYTES_VALID,
  IO_OUT,
  kvmRun,
  kvmRunDebug,
  kvmRunEmulationFailure,
  kvmRunEoi,
  kvmRunException,
  kvmRunFailEntry,
  kvmRunHw,
  kvmRunHypercall,
  kvmRunInternal,
  kvmRunIo,
  kvmRunMemoryFault,
  kvmRunMmio,
  kvmRunMsr,
  kvmRunNotify,
  kvmRunSystemEvent,
  kvmRunTprAccess,
  MEMORY_FAULT_PRIVATE,
} from './uapi/run-structs.js';

const nothing = () => ({});

function io(page: Uint8Array) {
  const { direction, size, port, count, dataOffset } = kvmRunIo.decode(page);
  const start = Number(dataOffset);
  return { isWrite: direction === IO_OUT, size, port, count, data: page.slice(start, start + size * count) };
}

function mmio(page: Uint8Array) {
  const { physAddr, data, len, isWrite } = kvmRunMmio.decode(page);
  return { address: physAddr, size: len, isWrite: isWrite !== 0, data: data.subarray(0, len) };
}

/** The bytes at the guest's RIP that the emulator gave up on; empty where the kernel does not tell. */
function failedInstruction(page: Uint8Array): Uint8Array {
  const { ndata, flags, insnSize, insnBytes } = kvmRunEmulationFailure.decode(page);
  const told = ndata > 0 && (flags & INSTRUCTION_BYTES_VALID) !== 0n;
  return told ? insnBytes.subarray(0, insnSize) : new Uint8Array();
}

function internalError(page: Uint8Array) {
  const { suberror, ndata, data } = kvmRunInternal.decode(page);
  const instruction =
    suberror === INTERNAL_ERRORS.KVM_INTERNAL_ERROR_EMULATION ? failedInstruction(page) : new Uint8Array();
  return { suberror, suberrorName: constantName(INTERNAL_ERRORS, suberror), data: data.slice(0, ndata), instruction };
}

function systemEvent(page: Uint8Array) {
  const { type, ndata, data } = kvmRunSystemEvent.decode(page);
  return { type, typeName: constantName(SYSTEM_EVENTS, type), data: data.slice(0, ndata) };
}

function msr(page: Uint8Array) {
  const { reason, index, data } = kvmRunMsr.decode(page);
  return { cause: reason, index, data };
}

function memoryFault(page: Uint8Array) {
  const { flags, gpa, size } = kvmRunMemoryFault.decode(page);
  return { flags, gpa, size, isPrivate: (flags & MEMORY_FAULT_PRIVATE) !== 0n };
}

const DECODERS = {
  KVM_EXIT_UNKNOWN: (page: Uint8Array) => kvmRunHw.decode(page),
  KVM_EXIT_EXCEPTION: (page: Uint8Array) => kvmRunException.decode(page),
  KVM_EXIT_IO: io,
  KVM_EXIT_HYPERCALL: (page: Uint8Array) => kvmRunHypercall.decode(page),
  KVM_EXIT_DEBUG: (page: Uint8Array) => kvmRunDebug.decode(page),
  KVM_EXIT_HLT: nothing,
  KVM_EXIT_MMIO: mmio,
  KVM_EXIT_IRQ_WINDOW_OPEN: nothing,
  KVM_EXIT_SHUTDOWN: nothing,
  KVM_EXIT_FAIL_ENTRY: (page: Uint8Array) => kvmRunFailEntry.decode(page),
  KVM_EXIT_INTR: nothing,
  KVM_EXIT_SET_TPR: nothing,
  KVM_EXIT_TPR_ACCESS: (page: Uint8Array) => kvmRunTprAccess.decode(page),
  KVM_EXIT_NMI: nothing,
  KVM_EXIT_INTERNAL_ERROR: internalError,
  KVM_EXIT_WATCHDOG: nothing,
  KVM_EXIT_SYSTEM_EVENT: systemEvent,
  KVM_EXIT_IOAPIC_EOI: (page: Uint8Array) => kvmRunEoi.decode(page),
  KVM_EXIT_X86_RDMSR: msr,
  KVM_EXIT_X86_WRMSR: msr,
  KVM_EXIT_DIRTY_RING_FULL: nothing,
  KVM_EXIT_AP_RESET_HOLD: nothing,
  KVM_EXIT_X86_BUS_LOCK: nothing,
  KVM_EXIT_NOTIFY: (page: Uint8Array) => kvmRunNotify.decode(page),
  KVM_EXIT_MEMORY_FAULT: memoryFault,
} satisfies Partial<Record<ExitReasonName, (page: Uint8Array) => object>>;

type Decoded = typeof DECODERS;
type DecodedExit = { [K in keyof Decoded]: { readonly reason: K } & Readonly<ReturnType<Decoded[K]>> }[keyof Decoded];

/** An exit of another architecture, a confidential guest, or a kernel newer than this table: its union as it is. */
export interface RawExit {
  readonly reason: Exclude<ExitReasonName, keyof Decoded> | `unknown(${number})`;
  readonly raw: Uint8Array;
}

/** One exit, told apart by `reason`; addresses and register values are bigints. */
export type KvmExit = DecodedExit | RawExit;

/** Decodes the exit that the kvm_run page describes. The result is a copy. */
export function decodeExit(buffer: ArrayBuffer): KvmExit {
  const page = new Uint8Array(buffer);
  const reason = exitReasonName(kvmRun.decode(page).exitReason);
  if (reason in DECODERS) {
    const decode: (page: Uint8Array) => object = DECODERS[reason as keyof Decoded];
    return { reason, ...decode(page) } as DecodedExit;
  }
  return { reason, raw: page.slice(EXIT_UNION_OFFSET, EXIT_UNION_OFFSET + EXIT_UNION_BYTES) } as RawExit;
}
