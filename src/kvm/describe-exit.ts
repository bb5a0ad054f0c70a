/** One line about an exit, for people: logs, errors and `ioregion` itself. */
import { decodeExit, type KvmExit } from './exit.js';

type Of<R extends KvmExit['reason']> = Extract<KvmExit, { reason: R }>;
type Describers = { readonly [R in KvmExit['reason']]?: (exit: Of<R>) => string };

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const hexBytes = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
const hexList = (values: readonly bigint[]): string => (values.length === 0 ? 'no data' : values.map(hex).join(' '));
const plural = (count: number): string => (count === 1 ? '1 byte' : `${count} bytes`);

const MSR_CAUSES = new Map([
  [1, 'the access is invalid'],
  [2, 'KVM does not know it'],
  [4, 'the MSR filter denies it'],
]);
const msrCause = (cause: number): string => MSR_CAUSES.get(cause) ?? `cause ${hex(cause)}`;

function describeIo({ isWrite, size, port, count, data }: Of<'KVM_EXIT_IO'>): string {
  const times = count === 1 ? '' : ` ${count} times`;
  const written = isWrite ? `: ${hexBytes(data)}` : '';
  return `${isWrite ? 'out' : 'in'} of ${plural(size)}${times} ${isWrite ? 'to' : 'from'} port ${hex(port)}${written}`;
}

function describeMmio({ address, isWrite, size, data }: Of<'KVM_EXIT_MMIO'>): string {
  return isWrite
    ? `write of ${plural(size)} to ${hex(address)}: ${hexBytes(data)}`
    : `read of ${plural(size)} from ${hex(address)}`;
}

function describeInternalError({ suberrorName, data, instruction }: Of<'KVM_EXIT_INTERNAL_ERROR'>): string {
  const what = instruction.length === 0 ? hexList(data) : `the emulator gave up on ${hexBytes(instruction)}`;
  return `${suberrorName}, ${what}`;
}

function describeMemoryFault({ gpa, size, isPrivate }: Of<'KVM_EXIT_MEMORY_FAULT'>): string {
  return `no ${isPrivate ? 'private' : 'shared'} memory behind ${hex(size)} bytes at ${hex(gpa)}`;
}

const DESCRIBERS: Describers = {
  KVM_EXIT_UNKNOWN: (exit) => `hardware exit reason ${hex(exit.hardwareExitReason)} that KVM does not know`,
  KVM_EXIT_EXCEPTION: (exit) => `exception ${exit.exception}, error code ${hex(exit.errorCode)}`,
  KVM_EXIT_IO: describeIo,
  KVM_EXIT_HYPERCALL: (exit) => `hypercall ${hex(exit.nr)} (${exit.args.map(hex).join(', ')})`,
  KVM_EXIT_DEBUG: (exit) =>
    `exception ${exit.exception} at ${hex(exit.pc)}, dr6 ${hex(exit.dr6)}, dr7 ${hex(exit.dr7)}`,
  KVM_EXIT_HLT: () => 'the guest waits for an interrupt',
  KVM_EXIT_MMIO: describeMmio,
  KVM_EXIT_SHUTDOWN: () => 'triple fault',
  KVM_EXIT_FAIL_ENTRY: (exit) =>
    `the CPU refused to enter the guest: ${hex(exit.hardwareEntryFailureReason)} on CPU ${exit.cpu}`,
  KVM_EXIT_INTR: () => 'interrupted by a signal',
  KVM_EXIT_TPR_ACCESS: (exit) => `${exit.isWrite === 0 ? 'read' : 'write'} of the task priority at ${hex(exit.rip)}`,
  KVM_EXIT_INTERNAL_ERROR: describeInternalError,
  KVM_EXIT_SYSTEM_EVENT: (exit) => `${exit.typeName}, ${hexList(exit.data)}`,
  KVM_EXIT_IOAPIC_EOI: (exit) => `end of interrupt ${exit.vector}`,
  KVM_EXIT_X86_RDMSR: (exit) => `read of MSR ${hex(exit.index)}: ${msrCause(exit.cause)}`,
  KVM_EXIT_X86_WRMSR: (exit) => `write of ${hex(exit.data)} to MSR ${hex(exit.index)}: ${msrCause(exit.cause)}`,
  KVM_EXIT_NOTIFY: (exit) => `no interrupt window for too long, flags ${hex(exit.flags)}`,
  KVM_EXIT_MEMORY_FAULT: describeMemoryFault,
};

function details(exit: KvmExit): string {
  const describer = DESCRIBERS[exit.reason] as ((exit: KvmExit) => string) | undefined;
  if (describer !== undefined) return describer(exit);
  return 'raw' in exit ? `kvm_run holds ${hexBytes(exit.raw.subarray(0, 64))}` : '';
}

/** E.g. `KVM_EXIT_INTERNAL_ERROR: KVM_INTERNAL_ERROR_EMULATION, the emulator gave up on 0f c7 27`. */
export function describeExit(exit: KvmExit | ArrayBuffer): string {
  const decoded = exit instanceof ArrayBuffer ? decodeExit(exit) : exit;
  const text = details(decoded);
  return text === '' ? decoded.reason : `${decoded.reason}: ${text}`;
}
