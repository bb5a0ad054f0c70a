/** Where the parts of a function's BARs are now, as its configuration space says. */
import { BarType, CommandBit, PciHeader } from '../../virtio/spec/pci-config-space.js';
import type { BarRegion, PciFunction } from './pci-function.js';

/** A part of a BAR that is decoded: [start, end) are guest-physical addresses or ports. */
export interface DecodedRegion {
  readonly region: BarRegion;
  readonly start: number;
  readonly end: number;
}

const TYPE_MASK = 0x6;
const MEMORY_BITS = 0xf;
const IO_BITS = 0x3;

/** Whether a write to configuration space can change what is decoded. */
export function affectsDecoding(register: number): boolean {
  return register >= PciHeader.commandStatus && register < PciHeader.subsystem;
}

/** As firmware leaves them. */
export function firmwareRegions(
  regions: readonly BarRegion[],
  firmware: Readonly<Record<number, number>>,
): DecodedRegion[] {
  return regions.flatMap((region) => {
    const base = firmware[region.bar];
    return base === undefined ? [] : [decodedAt(region, base)];
  });
}

export function decodedRegions({ config, regions }: PciFunction): DecodedRegion[] {
  const command = config.read(PciHeader.commandStatus, 4);
  return regions.flatMap((region) => {
    const bit = region.space === 'pio' ? CommandBit.ioSpace : CommandBit.memorySpace;
    const base = ((command >>> bit) & 1) === 0 ? 0 : barAddress(region.bar, (offset) => config.read(offset, 4) >>> 0);
    return base === 0 ? [] : [decodedAt(region, base)];
  });
}

function decodedAt(region: BarRegion, base: number): DecodedRegion {
  return { region, start: base + region.offset, end: base + region.offset + region.size };
}

function barAddress(bar: number, read: (offset: number) => number): number {
  const at = PciHeader.bar0 + 4 * bar;
  const low = read(at);
  if ((low & BarType.io) !== 0) return (low & ~IO_BITS) >>> 0;
  const high = (low & TYPE_MASK) === BarType.memory64 ? read(at + 4) : 0;
  return high * 2 ** 32 + ((low & ~MEMORY_BITS) >>> 0);
}
