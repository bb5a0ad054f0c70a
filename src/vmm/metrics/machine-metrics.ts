/** What a machine counts, as data that JSON can carry. See README.md of this folder. */
import type { DeviceFigures } from '../attach/index.js';
import type { ExitCounts } from './exit-counts.js';
import { memoryUse } from './process-memory.js';
import { type RegionFigures, readMeters, type SharedMeters } from './region-meters.js';

export interface MachineMetrics {
  /**
   * Exits of all vCPUs by reason, those that the board answered included (a string instruction counts as so many); what the
   * kernel handles itself is in `kvm`.
   */
  readonly exits: Readonly<Record<string, number>>;
  /** By vCPU: what KVM counts, by its own names; null where this kernel does not tell. Empty while the machine is off. */
  readonly kvm: readonly (Readonly<Record<string, number>> | null)[];
  /** Accesses by part of the machine: ranges of the board, its devices, and the BARs of each PCI slot. */
  readonly regions: Readonly<Record<string, RegionFigures>>;
  /** By device; empty while the machine is off. */
  readonly devices: readonly DeviceFigures[];
  /** Devices that the guest has taken out, and what it did to the registers of hotplug that means nothing. */
  readonly hotplug: { readonly ejected: number; readonly refused: number };
  /** Bytes of this process, guest memory included. */
  readonly residentBytes: number;
  /** Resident bytes of this process without guest memory, the pages of its program included. 0: unknown. */
  readonly vmmBytes: number;
  /** Bytes of guest memory. */
  readonly guestMemoryBytes: number;
  /** From `start` to the first entry into the guest, ms. */
  readonly startMs: number;
}

export interface MetricsSource {
  readonly counts: ExitCounts;
  readonly meters: SharedMeters;
  readonly hotplug: MachineMetrics['hotplug'];
  readonly kvm: MachineMetrics['kvm'];
  readonly devices: readonly DeviceFigures[];
  readonly guestMemoryBytes: number;
  readonly startMs: number;
}

export function collectMetrics(source: MetricsSource): MachineMetrics {
  const { counts, meters, kvm, devices, guestMemoryBytes, startMs } = source;
  const { ejected, refused } = source.hotplug;
  const regions = readMeters(meters);
  const exits = withBoard(counts.toJSON(), regions);
  return { exits, kvm, regions, devices, hotplug: { ejected, refused }, ...memoryUse(), guestMemoryBytes, startMs };
}

/** The ranges of the board, and the exits that their accesses are. */
const EXIT_OF = {
  ports: 'KVM_EXIT_IO',
  ecam: 'KVM_EXIT_MMIO',
  'pci-memory': 'KVM_EXIT_MMIO',
  'pci-memory-64': 'KVM_EXIT_MMIO',
} as const;

function withBoard(exits: Record<string, number>, regions: Readonly<Record<string, RegionFigures>>) {
  for (const [name, reason] of Object.entries(EXIT_OF)) {
    const { reads = 0, writes = 0 } = regions[name] ?? {};
    if (reads + writes > 0) exits[reason] = (exits[reason] ?? 0) + reads + writes;
  }
  return exits;
}
