/** Guest memory: regions of mmapped memory, and checked access to them by guest-physical address. */
import { closeAll, type Fd, undoOnFailure } from '../native/index.js';
import { allocateAnonymous, allocateMemfd, type MappedRegions, mapShared } from './allocate.js';
import { GuestAddressError, MemoryClosedError, SharedMemoryError } from './errors.js';
import { type AddressHole, type RegionLayout, ramLayout, sortApart } from './layout.js';
import type { MemoryRegion } from './region.js';
import { RegionMap, type RegionPiece } from './region-map.js';
import type { SharedMemory } from './shared.js';

export interface BackingOptions {
  /** A memfd, which can be shared with other processes (the default), or memory of this process alone. */
  backing?: 'memfd' | 'anonymous';
}

export interface RamOptions extends BackingOptions {
  /** Guest-physical addresses to leave free. Default 3 GiB to 4 GiB. */
  hole?: AddressHole;
}

/**
 * Every accessor takes a gpa as a number (a safe integer) or, where it comes from a 64-bit field, as a bigint, and
 * throws GuestAddressError before it touches anything where the range is not guest memory. Integers are little-endian.
 * A scalar lies in one region; `slices`, `read`, `write`, `load` and `fill` go on into an adjacent one.
 */
export class GuestMemory implements Disposable {
  /** Sorted by gpa, disjoint; one mapping and one KVM slot each. */
  readonly regions: readonly MemoryRegion[];
  readonly #files: readonly Fd[];
  readonly #map: RegionMap;
  #closed = false;

  private constructor({ regions, files }: MappedRegions) {
    this.regions = regions;
    this.#files = files;
    this.#map = new RegionMap(regions);
  }

  /** RAM of `size` bytes (a multiple of 4096) from address 0, around the hole. */
  static create(size: number, options: RamOptions = {}): GuestMemory {
    return GuestMemory.fromLayout(ramLayout(size, options.hole), options);
  }

  /** Zeroed memory at the addresses given. MemoryLayoutError where they overlap or are no whole pages. */
  static fromLayout(layout: readonly RegionLayout[], { backing = 'memfd' }: BackingOptions = {}): GuestMemory {
    const allocate = backing === 'memfd' ? allocateMemfd : allocateAnonymous;
    return undoOnFailure((undo) => new GuestMemory(allocate(layout, undo)));
  }

  /**
   * Maps what `share` exported elsewhere. The table is checked as hostile input: alignment, overlap, the files' sizes
   * and that they cannot shrink (SharedMemoryError, MemoryLayoutError). Read-only regions are mapped copy-on-write.
   */
  static fromShared(shared: SharedMemory): GuestMemory {
    return undoOnFailure((undo) => new GuestMemory(mapShared(shared, undo)));
  }

  /**
   * Memory of regions that somebody else has mapped, and owns: any number, at any size in bytes. MemoryLayoutError where
   * they overlap.
   */
  static ofRegions(regions: readonly MemoryRegion[]): GuestMemory {
    return new GuestMemory({ regions: sortApart(regions), files: [] });
  }

  /** The table to map this memory elsewhere. SharedMemoryError for anonymous memory. */
  share(): SharedMemory {
    this.#checkOpen();
    const fds = this.#files.map((fd) => fd.number);
    const regions = this.regions.map(({ gpa, size, readonly, file }) => {
      if (file === undefined) throw new SharedMemoryError("anonymous memory cannot be shared: use backing 'memfd'");
      return { gpa, size, readonly, file: this.#files.indexOf(file.fd), offset: file.offset };
    });
    return { fds, regions };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Unmaps everything; every later access throws MemoryClosedError, and views given out before are detached.
   * Idempotent. MappingBusyError where a VM still has a region as a slot: delete the slot, then close again.
   */
  close(): void {
    this.#closed = true;
    closeAll([...this.regions.map((region) => region.mapping), ...this.#files]);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Whether [gpa, gpa + length) lies wholly inside one region. */
  contains(gpa: number | bigint, length: number): boolean {
    return !this.#closed && this.#map.find(Number(gpa), length) !== undefined;
  }

  /** The region that holds the whole range; the offset in it is `Number(gpa) - region.gpa`. */
  regionAt(gpa: number | bigint, length: number): MemoryRegion {
    this.#checkOpen();
    const region = this.#map.find(Number(gpa), length);
    if (region === undefined) throw new GuestAddressError(this.#map.reasonAgainst(Number(gpa), length), gpa, length);
    return region;
  }

  #writableAt(gpa: number | bigint, length: number): MemoryRegion {
    const region = this.regionAt(gpa, length);
    if (region.readonly) throw new GuestAddressError('readonly', gpa, length);
    return region;
  }

  #pieces(gpa: number | bigint, length: number): RegionPiece[] {
    this.#checkOpen();
    return this.#map.split(Number(gpa), length);
  }

  #checkWritable(gpa: number | bigint, length: number): void {
    if (this.#pieces(gpa, length).some(({ region }) => region.readonly))
      throw new GuestAddressError('readonly', gpa, length);
  }

  #checkOpen(): void {
    if (this.#closed) throw new MemoryClosedError();
  }

  /** The bytes of a range inside one region, for reading. No copy: the guest may change them at any time. */
  view(gpa: number | bigint, length: number): Uint8Array {
    return this.regionAt(gpa, length).bytes(Number(gpa), length);
  }

  /** The same for writing: refuses read-only regions. */
  writableView(gpa: number | bigint, length: number): Uint8Array {
    return this.#writableAt(gpa, length).bytes(Number(gpa), length);
  }

  /** The bytes of a range that may lie in several adjacent regions, in order. All of it is checked first. */
  slices(gpa: number | bigint, length: number): Uint8Array[] {
    return this.#pieces(gpa, length).map(({ region, gpa: at, length: count }) => region.bytes(at, count));
  }

  /** A copy of a range, over adjacent regions too. */
  read(gpa: number | bigint, length: number): Uint8Array {
    const slices = this.slices(gpa, length);
    const copy = new Uint8Array(length);
    slices.reduce((offset, slice) => {
      copy.set(slice, offset);
      return offset + slice.length;
    }, 0);
    return copy;
  }

  /** Writes as the guest and devices do: read-only regions refuse it. */
  write(gpa: number | bigint, bytes: Uint8Array): void {
    this.#checkWritable(gpa, bytes.length);
    this.load(gpa, bytes);
  }

  /** Writes to read-only regions too, as a loader fills ROM before the guest starts. */
  load(gpa: number | bigint, bytes: Uint8Array): void {
    this.#pieces(gpa, bytes.length).reduce((done, { region, gpa: at, length }) => {
      region.mapping.load(at - region.gpa, bytes.subarray(done, done + length));
      return done + length;
    }, 0);
  }

  /**
   * The same from an open file, `offset` bytes from its start on: how many bytes there were, less than `length` where the file
   * ends before. SystemError where it cannot be read.
   */
  loadFile(gpa: number | bigint, length: number, fd: number, offset: number): number {
    let done = 0;
    for (const { region, gpa: at, length: room } of this.#pieces(gpa, length)) {
      const count = region.mapping.loadFile(at - region.gpa, room, fd, offset + done);
      done += count;
      if (count < room) break;
    }
    return done;
  }

  fill(gpa: number | bigint, length: number, value: number): void {
    this.#checkWritable(gpa, length);
    for (const slice of this.slices(gpa, length)) slice.fill(value);
  }

  readU8(gpa: number | bigint): number {
    const region = this.regionAt(gpa, 1);
    return region.data.getUint8(Number(gpa) - region.gpa);
  }

  readU16(gpa: number | bigint): number {
    const region = this.regionAt(gpa, 2);
    return region.data.getUint16(Number(gpa) - region.gpa, true);
  }

  readU32(gpa: number | bigint): number {
    const region = this.regionAt(gpa, 4);
    return region.data.getUint32(Number(gpa) - region.gpa, true);
  }

  readU64(gpa: number | bigint): bigint {
    const region = this.regionAt(gpa, 8);
    return region.data.getBigUint64(Number(gpa) - region.gpa, true);
  }

  writeU8(gpa: number | bigint, value: number): void {
    const region = this.#writableAt(gpa, 1);
    region.data.setUint8(Number(gpa) - region.gpa, value);
  }

  writeU16(gpa: number | bigint, value: number): void {
    const region = this.#writableAt(gpa, 2);
    region.data.setUint16(Number(gpa) - region.gpa, value, true);
  }

  writeU32(gpa: number | bigint, value: number): void {
    const region = this.#writableAt(gpa, 4);
    region.data.setUint32(Number(gpa) - region.gpa, value, true);
  }

  writeU64(gpa: number | bigint, value: bigint): void {
    const region = this.#writableAt(gpa, 8);
    region.data.setBigUint64(Number(gpa) - region.gpa, value, true);
  }
}
