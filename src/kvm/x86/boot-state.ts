/** The register state in which a guest starts in real, protected or long mode. */
import type { Regs, Sregs } from '../uapi/registers.js';
import { Cr0, Cr4, Efer, Rflags } from './registers.js';
import { codeSegment, dataSegment, gdtAt, type PrivilegeLevel, realModeSegment, taskSegment } from './segments.js';

/** What the helpers need of a vCPU; `VcpuState` has it. */
export interface BootableVcpu {
  sregs(): Sregs;
  setSregs(sregs: Sregs): void;
  regs(): Regs;
  setRegs(regs: Regs): void;
}

/** Where a guest starts. */
export interface Entry {
  /** Linear address of the first instruction. */
  entry: number;
  /** Initial stack pointer. */
  stack?: number;
  /** Further general purpose registers; the others are zero. */
  registers?: Partial<Omit<Regs, 'rip' | 'rsp' | 'rflags'>>;
}

/** A start with paging or protection on. */
export interface ProtectedEntry extends Entry {
  /**
   * Where `descriptorTables` has been written. Without it the segments work, but the guest may neither load one nor
   * take an interrupt.
   */
  descriptorTables?: number;
}

export interface LongModeEntry extends ProtectedEntry {
  /** Where `identityMap` (or other page tables) has been written. */
  pageTables: number;
  /** `user` runs at privilege level 3 and may use I/O ports; under PVM that takes `descriptorTables`. */
  privilege?: 'kernel' | 'user';
}

const REAL_MODE_LIMIT = 0x10_0000;
const SEGMENT_BYTES = 0x1_0000;
const SSE = Cr4.OSFXSR | Cr4.OSXMMEXCPT;

function startAt(vcpu: BootableVcpu, { entry, stack = 0, registers = {} }: Entry, rflags = 0n): void {
  const zero = Object.fromEntries(Object.keys(vcpu.regs()).map((name) => [name, 0n])) as Regs;
  vcpu.setRegs({ ...zero, ...registers, rip: BigInt(entry), rsp: BigInt(stack), rflags: Rflags.fixed | rflags });
}

function setFlatSegments(sregs: Sregs, width: 32 | 64, dpl: PrivilegeLevel): void {
  const data = dataSegment(dpl);
  Object.assign(sregs, { cs: codeSegment(width, dpl), ds: data, es: data, fs: data, gs: data, ss: data });
}

function setDescriptorTables(sregs: Sregs, gpa: number | undefined): void {
  sregs.idt = { base: 0n, limit: 0 };
  if (gpa === undefined) return;
  sregs.gdt = gdtAt(gpa);
  sregs.tr = taskSegment(gpa);
}

/** Real mode at `entry` (below 1 MiB): CS starts at its 64 KiB segment, the data segments at 0. */
export function enterRealMode(vcpu: BootableVcpu, at: Entry): void {
  if (at.entry >= REAL_MODE_LIMIT) throw new RangeError(`real mode cannot start at 0x${at.entry.toString(16)}`);
  const sregs = vcpu.sregs();
  const data = realModeSegment(0, 'data');
  const base = at.entry - (at.entry % SEGMENT_BYTES);
  Object.assign(sregs, { cs: realModeSegment(base, 'code'), ds: data, es: data, fs: data, gs: data, ss: data });
  sregs.cr0 &= ~(Cr0.PE | Cr0.PG);
  vcpu.setSregs(sregs);
  startAt(vcpu, { ...at, entry: at.entry - base });
}

/** 32-bit protected mode with flat segments, paging off. */
export function enterProtectedMode(vcpu: BootableVcpu, at: ProtectedEntry): void {
  const sregs = vcpu.sregs();
  setFlatSegments(sregs, 32, 0);
  setDescriptorTables(sregs, at.descriptorTables);
  sregs.cr0 = Cr0.PE | Cr0.ET | Cr0.NE;
  sregs.cr4 = SSE;
  sregs.efer = 0n;
  vcpu.setSregs(sregs);
  startAt(vcpu, at);
}

/** 64-bit mode with flat segments and the page tables given. */
export function enterLongMode(vcpu: BootableVcpu, at: LongModeEntry): void {
  const user = at.privilege === 'user';
  const sregs = vcpu.sregs();
  setFlatSegments(sregs, 64, user ? 3 : 0);
  setDescriptorTables(sregs, at.descriptorTables);
  sregs.cr0 = Cr0.PE | Cr0.MP | Cr0.ET | Cr0.NE | Cr0.WP | Cr0.PG;
  sregs.cr3 = BigInt(at.pageTables);
  sregs.cr4 = Cr4.PAE | SSE;
  sregs.efer = Efer.LME | Efer.LMA;
  vcpu.setSregs(sregs);
  startAt(vcpu, at, user ? Rflags.IOPL3 : 0n);
}
