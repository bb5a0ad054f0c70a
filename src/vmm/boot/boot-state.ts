/** The registers with which the boot processor enters a loaded kernel, and the tables they need in guest memory. */
import { type BootableVcpu, enterLongMode, enterProtectedMode, identityMap, type Segment } from '../../kvm/index.js';
import type { GuestMemory } from '../../memory/index.js';
import { LowMemory } from '../layout.js';
import type { LoadedKernel } from './loaded-kernel.js';

/** What the 64-bit boot protocol calls __BOOT_CS and __BOOT_DS; index 1 is not used. */
const BOOT_CS = 0x10;
const BOOT_DS = 0x18;
const FLAT_CODE_64 = 0x00af_9b00_0000_ffffn;
const FLAT_DATA = 0x00cf_9300_0000_ffffn;
const GDT = BigUint64Array.of(0n, 0n, FLAT_CODE_64, FLAT_DATA);
const IDENTITY_GIB = 4;

/** @param memory the same as the kernel was loaded into */
export function enterKernel(vcpu: BootableVcpu, memory: GuestMemory, kernel: LoadedKernel): void {
  if (kernel.protocol === 'pvh') enterPvh(vcpu, kernel);
  else enterLinux64(vcpu, memory, kernel);
}

/** Protected mode, flat segments, paging off, EBX with the address of the start info. */
function enterPvh(vcpu: BootableVcpu, { entry }: LoadedKernel): void {
  enterProtectedMode(vcpu, { entry, registers: { rbx: BigInt(LowMemory.startInfo) } });
}

function enterLinux64(vcpu: BootableVcpu, memory: GuestMemory, { entry }: LoadedKernel): void {
  memory.load(LowMemory.pageTables, identityMap(LowMemory.pageTables, IDENTITY_GIB));
  memory.load(LowMemory.gdt, new Uint8Array(GDT.buffer));
  const registers = { rsi: BigInt(LowMemory.bootParams) };
  enterLongMode(vcpu, { entry, pageTables: LowMemory.pageTables, registers });
  useBootSegments(vcpu);
}

/** The same flat segments, under the selectors that the protocol names. */
function useBootSegments(vcpu: BootableVcpu): void {
  const sregs = vcpu.sregs();
  const data: Segment = { ...sregs.ds, selector: BOOT_DS };
  Object.assign(sregs, { cs: { ...sregs.cs, selector: BOOT_CS }, ds: data, es: data, fs: data, gs: data, ss: data });
  sregs.gdt = { base: BigInt(LowMemory.gdt), limit: GDT.byteLength - 1 };
  vcpu.setSregs(sregs);
}
