/** `struct hvm_start_info` of PVH, with what it points to behind it (xen/include/public/arch-x86/hvm/start_info.h). */
import { LowMemory, type Range } from '../layout.js';
import type { MemoryMapEntry } from './memory-map.js';

const MAGIC = 0x336e_c578;
/** With a memory map. */
const VERSION = 1;
const StartInfo = {
  magic: 0,
  version: 4,
  moduleCount: 12,
  modules: 16,
  commandLine: 24,
  rsdp: 32,
  memoryMap: 40,
  memoryMapCount: 48,
  size: 56,
} as const;
const MODULE_BYTES = 32;
const ENTRY_BYTES = 24;

export interface StartInfoOptions {
  readonly initrd: Range | null;
  readonly memoryMap: readonly MemoryMapEntry[];
  /** Guest-physical address of the RSDP; null without ACPI. */
  readonly rsdp: number | null;
}

/** The bytes belong at LowMemory.startInfo. */
export function startInfo({ initrd, memoryMap, rsdp }: StartInfoOptions): Uint8Array {
  const modules = StartInfo.size;
  const map = modules + MODULE_BYTES;
  const bytes = new Uint8Array(map + memoryMap.length * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  const put64 = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  view.setUint32(StartInfo.magic, MAGIC, true);
  view.setUint32(StartInfo.version, VERSION, true);
  view.setUint32(StartInfo.moduleCount, initrd === null ? 0 : 1, true);
  put64(StartInfo.modules, initrd === null ? 0 : LowMemory.startInfo + modules);
  put64(StartInfo.commandLine, LowMemory.commandLine);
  put64(StartInfo.rsdp, rsdp ?? 0);
  put64(StartInfo.memoryMap, LowMemory.startInfo + map);
  view.setUint32(StartInfo.memoryMapCount, memoryMap.length, true);
  put64(modules, initrd?.start ?? 0);
  put64(modules + 8, initrd === null ? 0 : initrd.end - initrd.start);
  memoryMap.forEach(({ address, size, type }, index) => {
    const at = map + index * ENTRY_BYTES;
    put64(at, address);
    put64(at + 8, size);
    view.setUint32(at + 16, type, true);
  });
  return bytes;
}
