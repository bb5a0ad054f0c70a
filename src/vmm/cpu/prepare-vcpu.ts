/** What every vCPU needs before its first run, whatever it runs: CPUID, MSRs, and the local APIC as firmware leaves it. */
import { type CpuidEntry, KvmMsrError, type MsrEntry, type VcpuState } from '../../kvm/index.js';
import { type CpuidOptions, vcpuCpuid } from './cpuid.js';

const Msr = { miscEnable: 0x1a0, mtrrDefaultType: 0x2ff } as const;
const FAST_STRINGS = 1n;
/** MTRRs enabled, memory is write-back where none says otherwise. */
const MTRR_WRITE_BACK = 0x806n;

/** Registers of the local APIC, and what virtual wire mode has there: the PIC on LINT0, NMI on LINT1. */
const Lapic = { lint0: 0x350, lint1: 0x360, externalInterrupt: 0x700, nmi: 0x400 } as const;

export function prepareVcpu(state: VcpuState, supported: readonly CpuidEntry[], options: CpuidOptions): void {
  state.setCpuid(vcpuCpuid(supported, options));
  setMsr(state, { index: Msr.miscEnable, data: FAST_STRINGS });
  setMsr(state, { index: Msr.mtrrDefaultType, data: MTRR_WRITE_BACK });
  const lapic = state.lapic();
  const view = new DataView(lapic.buffer, lapic.byteOffset);
  view.setUint32(Lapic.lint0, Lapic.externalInterrupt, true);
  view.setUint32(Lapic.lint1, Lapic.nmi, true);
  state.setLapic(lapic);
}

/** Adds bits to an MSR where this host has it: guests do without. */
function setMsr(state: VcpuState, { index, data }: MsrEntry): void {
  try {
    const before = state.msrs([index])[0]?.data ?? 0n;
    state.setMsrs([{ index, data: before | data }]);
  } catch (error) {
    if (!(error instanceof KvmMsrError)) throw error;
  }
}
