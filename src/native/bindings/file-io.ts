/** What the addon exports for the data of devices: requests to files, image files, lists of guest memory. */
import type { FileIoObject, IoVectorObject, MappingObject, WatchObject } from './objects.js';

/**
 * native/src/file_io_binding.c, file_io.c, file_call.c, vector_io.c, uring.c: reads and writes of one file straight from
 * and to mappings, many per call. Belongs to the thread that opened it.
 */
export interface FileIoBinding {
  /**
   * `slots`: requests at once (1 to 4096); `segmentsPerSlot`: 1 to 1024. `ring`: by io_uring, where an errno says that
   * this host has none. The fd is duplicated.
   */
  fileIoOpen(fd: number, slots: number, segmentsPerSlot: number, ring: boolean): FileIoObject;
  /** Requests, submitted, completed and segments: laid out in `file-request.ts`. */
  fileIoArea(io: FileIoObject): ArrayBuffer;
  /**
   * The function that submits the first `count` slots listed as submitted and returns how many are listed as completed.
   * Requests that name what they must not complete with -EINVAL or -EFAULT. RangeError where a slot is busy.
   */
  fileIoSubmitFunction(io: FileIoObject): (count: number) => number;
  /** The index by which segments name the mapping. It cannot be unmapped while a request is in flight. */
  fileIoAttach(io: FileIoObject, mapping: MappingObject): number;
  /** EBUSY while a request is in flight. */
  fileIoDetach(io: FileIoObject, index: number): void;
  /** Calls `onReadable` while completions wait to be collected by a submit. EBADF without a ring. */
  fileIoWatch(io: FileIoObject, onReadable: (status: number) => void): WatchObject;
  /** Cancels what is in flight, and waits for what cannot be cancelled. Idempotent. */
  fileIoClose(io: FileIoObject): void;
  /** Whether reads of the file can be tried without waiting (RWF_NOWAIT). */
  canTryRead(fd: number): boolean;
}

/** native/src/image_file.c */
export interface ImageFileBinding {
  /** F_OFD_SETLK over the whole file; false where another open file has a lock that conflicts. */
  lockFile(fd: number, exclusive: boolean): boolean;
  /** Size in bytes by lseek(SEEK_END), of block devices too. */
  fileEnd(fd: number): number;
}

/** native/src/io_vector.c: readv(2) and writev(2) on pieces of mappings. */
export interface IoVectorBinding {
  /** A list of up to 65536 segments. */
  ioVectorCreate(capacity: number): IoVectorObject;
  /** The list: {mapping, offset, length} as three 32-bit words each. */
  ioVectorArea(vector: IoVectorObject): ArrayBuffer;
  /** The number by which segments name the mapping. The mapping may be unmapped all the same: transfers end with -EFAULT then. */
  ioVectorAttach(vector: IoVectorObject, mapping: MappingObject): number;
  ioVectorDetachAll(vector: IoVectorObject): void;
  /**
   * The function that reads from `fd` into `count` (at most 1024) segments from number `first` on, and returns the number
   * of bytes or a negative errno: -EFAULT also where a segment is not inside its mapping, -EINVAL where there are too many.
   */
  ioVectorReadFunction(vector: IoVectorObject): (fd: number, first: number, count: number) => number;
  /** The same for writing. */
  ioVectorWriteFunction(vector: IoVectorObject): (fd: number, first: number, count: number) => number;
}
