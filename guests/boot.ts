/** Puts a guest into guest memory and a vCPU at its entry. */
import {
  type BootableVcpu,
  Cr4,
  enterLongMode,
  enterProtectedMode,
  enterRealMode,
  identityMap,
} from '../src/kvm/index.js';
import { LAYOUT } from './layout.js';
import type { Guest } from './load.js';
import type { GuestMode } from './modes.js';

const MAPPED_GIB = 4;

/** Where a vCPU starts. */
export interface GuestStart {
  readonly mode: GuestMode;
  /** Guest-physical address of the guest's parameter block. */
  readonly parameters: number;
  /** Number of the vCPU, from 0, which selects its stack. Default: 0. */
  readonly vcpu?: number;
  /** Where `descriptorTables` has been written, for a guest that takes interrupts. */
  readonly descriptorTables?: number;
}

/** Copies the image, and the page tables of long mode, into guest memory that starts at address 0. */
export function installGuest(memory: Uint8Array, guest: Guest): void {
  memory.set(guest.bytes, guest.entry);
  memory.set(identityMap(LAYOUT.GUEST_PAGE_TABLES, MAPPED_GIB), LAYOUT.GUEST_PAGE_TABLES);
}

/** Sets the registers of a vCPU that has its CPUID. With an in-kernel irqchip, vCPUs after the first also need KVM_SET_MP_STATE. */
export function enterGuest(vcpu: BootableVcpu, start: GuestStart): void {
  const { mode, parameters, vcpu: index = 0, descriptorTables } = start;
  const entry = {
    entry: LAYOUT.GUEST_LOAD,
    stack: LAYOUT.GUEST_STACK_TOP - index * LAYOUT.GUEST_STACK_SIZE,
    registers: { rdi: BigInt(parameters) },
    ...(descriptorTables === undefined ? {} : { descriptorTables }),
  };
  if (mode === 'real') enterBigRealMode(vcpu, entry);
  else if (mode === 'protected') enterProtectedMode(vcpu, entry);
  else {
    const privilege = mode === 'long' ? 'kernel' : 'user';
    enterLongMode(vcpu, { ...entry, pageTables: LAYOUT.GUEST_PAGE_TABLES, privilege });
  }
}

/** Real mode whose data segments (SS too: compilers address data through EBP) reach 4 GiB, and with it MMIO. */
function enterBigRealMode(vcpu: BootableVcpu, entry: Parameters<typeof enterRealMode>[1]): void {
  enterRealMode(vcpu, entry);
  const sregs = vcpu.sregs();
  for (const segment of [sregs.ds, sregs.es, sregs.ss]) Object.assign(segment, { limit: 0xffff_ffff, g: 1 });
  sregs.cr4 |= Cr4.OSFXSR;
  vcpu.setSregs(sregs);
}
