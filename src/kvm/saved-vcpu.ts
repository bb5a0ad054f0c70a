/**
 * All state of a vCPU as the kernel's own structures, in the order in which KVM wants them back. What comes from a file is
 * checked for its shape here; values are the kernel's to check.
 */
import { KvmIoctlError, KvmMsrError, KvmSavedStateError } from './errors.js';
import { type Descriptor, decodeList, encodeList, ioctlData } from './ioctl.js';
import type { IoctlName } from './uapi/ioctls.js';
import { kvmDebugregs, kvmRegs, kvmSregs, kvmXcrs, LAPIC_STATE_BYTES, XSAVE_STATE_BYTES } from './uapi/registers.js';
import {
  kvmCpuid2,
  kvmCpuidEntry2,
  kvmMpState,
  kvmMsrEntry,
  kvmMsrs,
  kvmVcpuEvents,
  type MsrEntry,
} from './uapi/vcpu-structs.js';
import { VcpuState } from './vcpu-state.js';

interface Part {
  readonly get: IoctlName;
  readonly set: IoctlName;
  readonly size: number;
}

/**
 * In the order of their restoring: the mode before the registers that depend on it, the local APIC before MSRs that concern its
 * timer, events last (KVM_SET_REGS drops pending exceptions).
 */
const BEFORE_MSRS = {
  'mp-state': { get: 'KVM_GET_MP_STATE', set: 'KVM_SET_MP_STATE', size: kvmMpState.size },
  sregs: { get: 'KVM_GET_SREGS', set: 'KVM_SET_SREGS', size: kvmSregs.size },
  regs: { get: 'KVM_GET_REGS', set: 'KVM_SET_REGS', size: kvmRegs.size },
  xsave: { get: 'KVM_GET_XSAVE', set: 'KVM_SET_XSAVE', size: XSAVE_STATE_BYTES },
  xcrs: { get: 'KVM_GET_XCRS', set: 'KVM_SET_XCRS', size: kvmXcrs.size },
  debugregs: { get: 'KVM_GET_DEBUGREGS', set: 'KVM_SET_DEBUGREGS', size: kvmDebugregs.size },
  lapic: { get: 'KVM_GET_LAPIC', set: 'KVM_SET_LAPIC', size: LAPIC_STATE_BYTES },
} as const satisfies Record<string, Part>;
const EVENTS: Part = { get: 'KVM_GET_VCPU_EVENTS', set: 'KVM_SET_VCPU_EVENTS', size: kvmVcpuEvents.size };

const FIXED: readonly (readonly [string, Part])[] = [...Object.entries(BEFORE_MSRS), ['events', EVENTS]];

/** Far more than any host has. */
const MAX_ENTRIES = 1024;
/** A timer is armed by its deadline, which counts in the TSC that is restored before it. */
const MSR_TSC_DEADLINE = 0x6e0;

/** The names of the parts, each with bytes: `mp-state` to `events`, `cpuid` and `msrs`. */
export type SavedVcpu = Readonly<Record<string, Uint8Array>>;

export const SAVED_VCPU_PARTS: readonly string[] = ['cpuid', ...FIXED.map(([name]) => name), 'msrs'];

/**
 * The state of a vCPU that is out of the guest and settled. MSRs of the list that this vCPU does not have are left out.
 * @throws KvmIoctlError
 */
export function saveVcpu(fd: Descriptor, msrIndices: readonly number[]): SavedVcpu {
  const state = new VcpuState(fd);
  const fixed = FIXED.map(([name, { get, size }]) => {
    const data = new Uint8Array(size);
    ioctlData(fd, get, data);
    return [name, data] as const;
  });
  const msrs = readMsrs(state, msrIndices);
  return { ...Object.fromEntries(fixed), cpuid: encodeCpuid(state), msrs: encodeMsrs(msrs) };
}

/**
 * Before the first run of the vCPU. `msrIndices` are those of this host: no other is written.
 * @throws KvmSavedStateError before anything is changed, KvmIoctlError and KvmMsrError where this host refuses a value
 */
export function restoreVcpu(fd: Descriptor, saved: SavedVcpu, msrIndices: readonly number[]): void {
  const { cpuid, msrs } = checkSavedVcpu(saved, msrIndices);
  const state = new VcpuState(fd);
  ioctlData(fd, 'KVM_SET_CPUID2', cpuid);
  for (const [name, { set }] of Object.entries(BEFORE_MSRS)) ioctlData(fd, set, saved[name]!.slice());
  writeMsrs(state, msrs);
  ioctlData(fd, EVENTS.set, saved.events!.slice());
}

/** The shape of a saved state, without a vCPU. @throws KvmSavedStateError */
export function checkSavedVcpu(
  saved: SavedVcpu,
  msrIndices: readonly number[],
): { readonly cpuid: Uint8Array; readonly msrs: readonly MsrEntry[] } {
  for (const [name, { size }] of FIXED) {
    const { length } = part(saved, name);
    if (length !== size) throw new KvmSavedStateError(`${name} has ${length} bytes, not ${size}`);
  }
  const cpuid = part(saved, 'cpuid').slice();
  entriesOf('cpuid', cpuid, kvmCpuid2.size, kvmCpuidEntry2.size);
  const encoded = part(saved, 'msrs');
  const count = entriesOf('msrs', encoded, kvmMsrs.size, kvmMsrEntry.size);
  const msrs = decodeList(encoded, kvmMsrs.size, kvmMsrEntry, count);
  const known = new Set(msrIndices);
  const foreign = msrs.find(({ index }) => !known.has(index));
  if (foreign !== undefined) throw new KvmSavedStateError(`this host has no MSR 0x${foreign.index.toString(16)}`);
  return { cpuid, msrs };
}

function part(saved: SavedVcpu, name: string): Uint8Array {
  const bytes = Object.hasOwn(saved, name) ? saved[name] : undefined;
  if (!(bytes instanceof Uint8Array)) throw new KvmSavedStateError(`there is no ${name}`);
  return bytes;
}

/** A head whose first word is the number of entries behind it. */
function entriesOf(name: string, data: Uint8Array, head: number, entry: number): number {
  const count = data.length < head ? 0 : new DataView(data.buffer, data.byteOffset).getUint32(0, true);
  if (count > MAX_ENTRIES || data.length !== head + count * entry)
    throw new KvmSavedStateError(`${name} has ${data.length} bytes, which are not ${count} entries`);
  return count;
}

function encodeCpuid(state: VcpuState): Uint8Array {
  const entries = state.cpuid();
  const encoded = entries.map((entry) => kvmCpuidEntry2.encode(entry));
  return encodeList(kvmCpuid2, { nent: entries.length }, encoded);
}

function encodeMsrs(entries: readonly MsrEntry[]): Uint8Array {
  const encoded = entries.map((entry) => kvmMsrEntry.encode(entry));
  return encodeList(kvmMsrs, { nmsrs: entries.length }, encoded);
}

function readMsrs(state: VcpuState, indices: readonly number[]): MsrEntry[] {
  const read: MsrEntry[] = [];
  for (let rest = indices; rest.length > 0; ) {
    try {
      return [...read, ...state.msrs(rest)];
    } catch (error) {
      if (!(error instanceof KvmMsrError)) throw error;
      read.push(...state.msrs(rest.slice(0, error.handled)));
      rest = rest.slice(error.handled + 1);
    }
  }
  return read;
}

function writeMsrs(state: VcpuState, entries: readonly MsrEntry[]): void {
  const isDeadline = ({ index }: MsrEntry): boolean => index === MSR_TSC_DEADLINE;
  let rest: readonly MsrEntry[] = [...entries.filter((entry) => !isDeadline(entry)), ...entries.filter(isDeadline)];
  while (rest.length > 0) rest = writeUpToRefused(state, rest);
}

/** What is left after an MSR that refuses the value it has already: that is none to complain about. */
function writeUpToRefused(state: VcpuState, entries: readonly MsrEntry[]): readonly MsrEntry[] {
  try {
    state.setMsrs(entries);
    return [];
  } catch (error) {
    if (!(error instanceof KvmMsrError) || !hasAlready(state, entries[error.handled]!)) throw error;
    return entries.slice(error.handled + 1);
  }
}

function hasAlready(state: VcpuState, { index, data }: MsrEntry): boolean {
  try {
    return state.msrs([index])[0]?.data === data;
  } catch (error) {
    if (error instanceof KvmMsrError || error instanceof KvmIoctlError) return false;
    throw error;
  }
}
