/** The memory map that the guest is told: E820 entries, which PVH has in the same form. */
import { ABOVE_4G, ECAM, HIGH_MEMORY, LOW_MEMORY_LIMIT, LowMemory } from '../layout.js';

export const MemoryType = { usable: 1, reserved: 2, acpi: 3 } as const;

export interface MemoryMapEntry {
  /** Guest-physical address. */
  readonly address: number;
  /** Bytes. */
  readonly size: number;
  /** One of MemoryType. */
  readonly type: number;
}

/** The end of memory below the hole. */
export function lowMemoryEnd(memoryBytes: number): number {
  return Math.min(memoryBytes, LOW_MEMORY_LIMIT);
}

/** The map of a machine with so much memory, in order of address. */
export function memoryMap(memoryBytes: number): MemoryMapEntry[] {
  const low = lowMemoryEnd(memoryBytes);
  const high = memoryBytes - low;
  return [
    between(0, LowMemory.end, MemoryType.usable),
    between(LowMemory.end, 0xa_0000, MemoryType.reserved),
    between(LowMemory.acpi, LowMemory.acpiEnd, MemoryType.reserved),
    between(HIGH_MEMORY, low, MemoryType.usable),
    between(ECAM.start, ECAM.end, MemoryType.reserved),
    ...(high === 0 ? [] : [between(ABOVE_4G, ABOVE_4G + high, MemoryType.usable)]),
  ];
}

function between(start: number, end: number, type: number): MemoryMapEntry {
  return { address: start, size: end - start, type };
}
