/** From layouts and tables to mapped regions. */
import { type Disposables, type Fd, Mapping, Memfd } from '../native/index.js';
import { checkLayout, type RegionLayout } from './layout.js';
import { MemoryRegion } from './region.js';
import { checkInFile, checkTable, openShared, type SharedMemory, type SharedRegion } from './shared.js';

/** Regions and the files behind them, to be owned by one GuestMemory. */
export interface MappedRegions {
  /** Sorted by gpa. */
  regions: MemoryRegion[];
  files: Fd[];
}

export function allocateAnonymous(layout: readonly RegionLayout[], undo: Disposables): MappedRegions {
  const regions = checkLayout(layout).map(
    ({ gpa, size, readonly = false }) => new MemoryRegion(gpa, undo.use(Mapping.anonymous(size)), readonly),
  );
  return { regions, files: [] };
}

/** One memfd for all regions, one after the other. */
export function allocateMemfd(layout: readonly RegionLayout[], undo: Disposables): MappedRegions {
  const sorted = checkLayout(layout);
  const size = sorted.reduce((total, region) => total + region.size, 0);
  const fd = undo.use(Memfd.create({ name: 'ioregion-guest-memory', size }));
  let offset = 0;
  const regions = sorted.map(({ gpa, size: length, readonly = false }) => {
    const mapping = undo.use(Mapping.ofFile(fd, { offset, length }));
    mapping.preferHugePages();
    const region = new MemoryRegion(gpa, mapping, readonly, { fd, offset });
    offset += length;
    return region;
  });
  return { regions, files: [fd] };
}

/** Maps a table from elsewhere, checked as hostile input. */
export function mapShared(shared: SharedMemory, undo: Disposables): MappedRegions {
  const sorted = checkLayout(checkTable(shared));
  const files = shared.fds.map((number) => undo.use(openShared(number)));
  return { regions: sorted.map((region) => mapSharedRegion(region, files, undo)), files };
}

/** Copy-on-write keeps a read-only region of the guest out of reach of whoever maps it. */
function mapSharedRegion(region: SharedRegion, files: readonly Fd[], undo: Disposables): MemoryRegion {
  const { gpa, size, offset, readonly } = region;
  const fd = checkInFile(region, files);
  const mapping = undo.use(Mapping.ofFile(fd, { offset, length: size, copyOnWrite: readonly }));
  return new MemoryRegion(gpa, mapping, readonly, { fd, offset });
}
