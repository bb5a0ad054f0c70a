/** The memory table: what another thread or process needs to map the same guest memory. */
import { cannotShrink, Fd, MAX_PASSED_FDS, PAGE_SIZE } from '../native/index.js';
import { SharedMemoryError } from './errors.js';
import type { RegionLayout } from './layout.js';

export interface SharedRegion extends RegionLayout {
  readonly: boolean;
  /** Index into `fds`. */
  file: number;
  /** Of the region in the file, in bytes. */
  offset: number;
}

/**
 * Plain data: it survives structured cloning to a Worker as it is. For another process send `regions` and pass the
 * descriptors beside them (SCM_RIGHTS), then put the received numbers in `fds`.
 */
export interface SharedMemory {
  /** Borrowed: they stay open while the GuestMemory that exported them does. */
  fds: number[];
  regions: SharedRegion[];
}

/** Checks the shape of a table that may come from a peer as parsed JSON. */
export function checkTable({ fds, regions }: SharedMemory): SharedRegion[] {
  if (!Array.isArray(fds) || !Array.isArray(regions)) throw new SharedMemoryError('fds and regions must be arrays');
  if (fds.length > MAX_PASSED_FDS) throw new SharedMemoryError(`${fds.length} files: at most ${MAX_PASSED_FDS}`);
  regions.forEach(checkShape);
  return regions.map((region) => ({ ...region, readonly: region.readonly === true }));
}

const REGION_NUMBERS = ['gpa', 'size', 'file', 'offset'] as const;

/** Numbers before anything is said of their values: what is none may not even become a string of a message. */
function checkShape(region: unknown): void {
  if (typeof region !== 'object' || region === null) throw new SharedMemoryError('a region must be an object');
  for (const key of REGION_NUMBERS) {
    const type = typeof (region as Partial<Record<string, unknown>>)[key];
    if (type !== 'number') throw new SharedMemoryError(`the ${key} of a region is a ${type}, not a number`);
  }
}

/** Takes a duplicate of a borrowed descriptor, of a file that cannot shrink under its mapping. */
export function openShared(number: number): Fd {
  const fd = new Fd(number).dup();
  if (cannotShrink(fd)) return fd;
  fd.close();
  throw new SharedMemoryError(
    `descriptor ${number} is not sealed against shrinking (F_SEAL_SHRINK): its owner could end this process with SIGBUS`,
  );
}

/** Checks that a region lies inside its file. */
export function checkInFile({ file, offset, size }: SharedRegion, fds: readonly Fd[]): Fd {
  const fd = Number.isSafeInteger(file) ? fds[file] : undefined;
  if (fd === undefined) throw new SharedMemoryError(`a region names file ${file}, but ${fds.length} came along`);
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % PAGE_SIZE !== 0)
    throw new SharedMemoryError(`file offset ${offset} is not a multiple of ${PAGE_SIZE}`);
  const available = fd.size();
  if (offset > available || size > available - offset)
    throw new SharedMemoryError(`a region needs ${size} bytes at ${offset} of a file of ${available} bytes`);
  return fd;
}
