/** `struct boot_params`, the zero page of the 64-bit boot protocol (Documentation/arch/x86/zero-page.rst). */
import { LowMemory, type Range } from '../layout.js';
import { SetupHeader } from './bzimage.js';
import type { MemoryMapEntry } from './memory-map.js';

export const BOOT_PARAMS_BYTES = 4096;

const ZeroPage = { acpiRsdp: 0x070, e820Count: 0x1e8, e820: 0x2d0 } as const;
const E820_BYTES = 20;
const LOADER_UNDEFINED = 0xff;

export interface BootParams {
  /** From SetupHeader.start on. */
  readonly setupHeader: Uint8Array;
  readonly initrd: Range | null;
  readonly memoryMap: readonly MemoryMapEntry[];
  /** Guest-physical address of the RSDP; null without ACPI. */
  readonly rsdp: number | null;
}

export function bootParams({ setupHeader, initrd, memoryMap, rsdp }: BootParams): Uint8Array {
  const page = new Uint8Array(BOOT_PARAMS_BYTES);
  const view = new DataView(page.buffer);
  page.set(setupHeader, SetupHeader.start);
  view.setUint8(SetupHeader.loaderType, LOADER_UNDEFINED);
  view.setUint32(SetupHeader.commandLine, LowMemory.commandLine, true);
  view.setUint32(SetupHeader.ramdiskImage, initrd?.start ?? 0, true);
  view.setUint32(SetupHeader.ramdiskSize, initrd === null ? 0 : initrd.end - initrd.start, true);
  view.setBigUint64(ZeroPage.acpiRsdp, BigInt(rsdp ?? 0), true);
  view.setUint8(ZeroPage.e820Count, memoryMap.length);
  memoryMap.forEach(({ address, size, type }, index) => {
    const at = ZeroPage.e820 + index * E820_BYTES;
    view.setBigUint64(at, BigInt(address), true);
    view.setBigUint64(at + 8, BigInt(size), true);
    view.setUint32(at + 16, type, true);
  });
  return page;
}
