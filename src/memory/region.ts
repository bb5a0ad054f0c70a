/** One stretch of guest memory: a guest-physical range and the mapping behind it. */
import type { Fd, Mapping } from '../native/index.js';

/** The file behind a region; the region at `offset` bytes from its start. */
export interface RegionFile {
  fd: Fd;
  offset: number;
}

export class MemoryRegion {
  /** First guest-physical address. */
  readonly gpa: number;
  /** In bytes; the length of the mapping. */
  readonly size: number;
  /** First guest-physical address after the region. */
  readonly end: number;
  /** Whether the guest (and every device) can only read it. */
  readonly readonly: boolean;
  readonly mapping: Mapping;
  /** Undefined for anonymous memory. */
  readonly file: RegionFile | undefined;
  #data: DataView | null = null;

  constructor(gpa: number, mapping: Mapping, readonly: boolean, file?: RegionFile) {
    this.gpa = gpa;
    this.size = mapping.length;
    this.end = gpa + mapping.length;
    this.readonly = readonly;
    this.mapping = mapping;
    this.file = file;
  }

  /** All bytes, for scalar accesses at an offset. Throws UnmappedError when gone. */
  get data(): DataView {
    this.#data ??= new DataView(this.mapping.buffer);
    return this.#data;
  }

  /** True where [gpa, gpa + length) lies wholly inside. No sum is formed that could lose bits. */
  contains(gpa: number, length: number): boolean {
    return gpa >= this.gpa && gpa < this.end && length <= this.end - gpa;
  }

  /** The bytes of a range that `contains` has accepted. */
  bytes(gpa: number, length: number): Uint8Array {
    const offset = gpa - this.gpa;
    return this.mapping.bytes.subarray(offset, offset + length);
  }
}
