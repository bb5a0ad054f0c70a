/** mmap(2) as ArrayBuffers that end with the mapping. */
import { type MappingObject, native } from './binding.js';
import { isNativeSystemError, MappingBusyError, UnmappedError } from './errors.js';
import type { EventFd } from './eventfd.js';
import type { Fd } from './fd.js';
import { fixedInPlace } from './fixed-in-place.js';
import { system, toSystemError } from './system-error.js';

const PROT_READ_WRITE = 3;
const NO_FD = -1;
const MADV_DONTNEED = 4;
const MADV_REMOVE = 9;
const MADV_HUGEPAGE = 14;

export const PAGE_SIZE = 4096;
/** The longest mapping, in bytes: what every Node version takes as one ArrayBuffer. */
export const MAX_MAPPING_LENGTH = 2 ** 32;

export interface FileMappingOptions {
  /** In the file, in bytes, a multiple of the page size. Default 0. */
  offset?: number;
  /** In bytes, 1 to MAX_MAPPING_LENGTH. The range must lie inside the file. */
  length: number;
  /** Writes stay in this mapping and are seen by nobody else. Default false: they go to the file. */
  copyOnWrite?: boolean;
  /**
   * For a file that its other holders may make shorter: accesses behind its end then find zeroes instead of ending the
   * process with SIGBUS, and this eventfd is signalled. Without it the file must not shrink.
   */
  shrunk?: EventFd;
}

/** Memory of this process, readable and writable. */
export class Mapping implements Disposable {
  /** For the addon: setMemoryRegion and the like. */
  readonly object: MappingObject;
  /** In bytes. */
  readonly length: number;
  readonly #shared: boolean;
  /**
   * Made at the first use: V8 counts all of its bytes as memory that a collection might free, and collects more often. Of
   * length 0 once the mapping is gone.
   */
  #bytes: Uint8Array | null = null;

  private constructor(fd: number, offset: number, length: number, shared: boolean) {
    this.object = system(() => native.mmap(fd, length, offset, PROT_READ_WRITE, shared));
    this.length = length;
    this.#shared = shared;
  }

  /** Zeroed memory of this process alone. */
  static anonymous(length: number): Mapping {
    return new Mapping(NO_FD, 0, length, false);
  }

  /** A part of a file. The descriptor may be closed afterwards. */
  static ofFile(fd: Fd, { offset = 0, length, copyOnWrite = false, shrunk }: FileMappingOptions): Mapping {
    const mapping = new Mapping(fd.number, offset, length, !copyOnWrite);
    if (shrunk !== undefined) mapping.#guard(shrunk);
    return mapping;
  }

  #guard(shrunk: EventFd): void {
    try {
      native.guardMapping(this.object, shrunk.number);
    } catch (error) {
      this.unmap();
      throw toSystemError(error);
    }
  }

  get closed(): boolean {
    return this.#bytes?.byteLength === 0;
  }

  /** The memory. It is detached (length 0) once unmapped, and cannot be transferred. Throws UnmappedError when gone. */
  get buffer(): ArrayBuffer {
    return this.bytes.buffer as ArrayBuffer;
  }

  /** All bytes; the same object at each call. Throws UnmappedError when gone. */
  get bytes(): Uint8Array {
    this.#bytes ??= new Uint8Array(fixedInPlace(system(() => native.mappingBuffer(this.object))));
    if (this.#bytes.byteLength === 0) throw new UnmappedError();
    return this.#bytes;
  }

  /** Copies bytes to it from `offset` on; takes no ArrayBuffer of all of it. Throws UnmappedError when gone, and RangeError. */
  load(offset: number, bytes: Uint8Array): void {
    if (this.closed) throw new UnmappedError();
    system(() => native.mappingLoad(this.object, offset, bytes));
  }

  /**
   * Reads `length` bytes of an open file, from position `at` on, to `offset`: how many there were, fewer where the file ends
   * before. Throws UnmappedError when gone, RangeError, and SystemError.
   */
  loadFile(offset: number, length: number, fd: number, at: number): number {
    if (this.closed) throw new UnmappedError();
    return system(() => native.mappingLoadFile(this.object, offset, length, fd, at));
  }

  /**
   * Detaches the ArrayBuffer, then unmaps. Idempotent. MappingBusyError while a VM has the memory as a slot, or where a
   * script has transferred the ArrayBuffer. An asynchronous operation (fs.read and the like) on the bytes must have ended.
   */
  unmap(): void {
    try {
      native.munmap(this.object);
      this.#bytes ??= new Uint8Array();
    } catch (error) {
      throw isNativeSystemError(error) && error.code === 'EBUSY' ? new MappingBusyError(error) : toSystemError(error);
    }
  }

  [Symbol.dispose](): void {
    this.unmap();
  }

  /** Waits until changes are in the file. `offset` must be a multiple of the page size. */
  sync(offset = 0, length = this.length - offset): void {
    system(() => native.msync(this.object, offset, length));
  }

  /**
   * Asks for huge pages: a fault then brings in 2 MiB, for the guest's page tables too. False where this host has none; for files
   * of memory it has them where /sys/kernel/mm/transparent_hugepage/shmem_enabled says `advise` or more.
   */
  preferHugePages(): boolean {
    try {
      native.madvise(this.object, 0, this.length, MADV_HUGEPAGE);
      return true;
    } catch (error) {
      if (isNativeSystemError(error) && error.code === 'EINVAL') return false;
      throw toSystemError(error);
    }
  }

  /** Gives whole pages back to the host, in the file too; they read as zeroes afterwards. */
  discard(offset: number, length: number): void {
    system(() => native.madvise(this.object, offset, length, this.#shared ? MADV_REMOVE : MADV_DONTNEED));
  }
}
