/** Reads and writes of one file straight from and to mappings, many per system call. */
import { type FileIoObject, native, type WatchObject } from './binding.js';
import { FileIoBusyError, IoUringUnavailableError, isNativeSystemError } from './errors.js';
import type { Fd } from './fd.js';
import { FileFlag, FileOp, FileRequests } from './file-request.js';
import type { Mapping } from './mapping.js';
import { system, toSystemError } from './system-error.js';

/**
 * How requests reach the kernel. `sync`: preadv(2) and the like, one after the other, blocking this thread. `uring`: all of a
 * submit by one system call; what is not in the page cache completes later. `auto`: `uring` where this host allows it
 * and the file can say at once that a read would wait; else (tmpfs) io_uring would only hand each request to a kernel thread.
 */
export type FileIoEngine = 'auto' | 'uring' | 'sync';

export interface FileIoOptions {
  /** Requests at once: 1 to 4096. */
  slots: number;
  /** Pieces of memory one request reads or writes: 1 to 1024. */
  segmentsPerSlot: number;
  /** Default `auto`. */
  engine?: FileIoEngine;
}

/**
 * A request lives in a slot: prepare it (`read`, `write` with segments, `sync`, …), then `submit` everything prepared.
 * `submit` returns how many slots have completed, now or before: `completed(0)` to `completed(n - 1)` name them. Slots that
 * have not are in flight, and a later `submit` reports them. A slot must not be prepared again before it has completed.
 */
export class FileIo implements Disposable {
  readonly engine: 'uring' | 'sync';
  readonly slots: number;
  readonly #object: FileIoObject;
  readonly #requests: FileRequests;
  readonly #submit: (count: number) => number;
  #prepared = 0;
  #pending = 0;
  #watch: WatchObject | undefined;

  private constructor(object: FileIoObject, engine: 'uring' | 'sync', slots: number, segmentsPerSlot: number) {
    this.engine = engine;
    this.slots = slots;
    this.#object = object;
    this.#requests = new FileRequests(native.fileIoArea(object), slots, segmentsPerSlot);
    this.#submit = native.fileIoSubmitFunction(object);
  }

  /** The descriptor is duplicated. IoUringUnavailableError where `uring` is asked for and this host forbids it. */
  static open(fd: Fd, { slots, segmentsPerSlot, engine = 'auto' }: FileIoOptions): FileIo {
    const open = (ring: boolean) => native.fileIoOpen(fd.number, slots, segmentsPerSlot, ring);
    const ring = wantsRing(fd, engine) ? openRing(open, engine) : undefined;
    if (ring !== undefined) return new FileIo(ring, 'uring', slots, segmentsPerSlot);
    return new FileIo(
      system(() => open(false)),
      'sync',
      slots,
      segmentsPerSlot,
    );
  }

  /** Requests that the next `submit` will submit. */
  get prepared(): number {
    return this.#prepared;
  }

  /** Slots submitted and not completed. */
  get inFlight(): number {
    return this.#pending;
  }

  /** The number by which segments name the mapping, until `detach`. */
  attach(mapping: Mapping): number {
    return system(() => native.fileIoAttach(this.#object, mapping.object));
  }

  /** FileIoBusyError while anything is in flight. The mapping itself cannot be unmapped then either. */
  detach(index: number): void {
    try {
      native.fileIoDetach(this.#object, index);
    } catch (error) {
      throw isNativeSystemError(error) && error.code === 'EBUSY' ? new FileIoBusyError(error) : toSystemError(error);
    }
  }

  /** Prepares a read at `position` (bytes) of the file; add its segments next. */
  read(slot: number, position: number): void {
    this.#prepare(slot, FileOp.read, 0, position, 0);
  }

  /** Prepares a write; add its segments next. `flags`: 0 or FileFlag.durable. */
  write(slot: number, position: number, flags = 0): void {
    this.#prepare(slot, FileOp.write, flags, position, 0);
  }

  /** Prepares fdatasync(2): everything completed before this is submitted is on stable storage when it completes. */
  sync(slot: number): void {
    this.#prepare(slot, FileOp.sync, 0, 0, 0);
  }

  /** Prepares giving a range (bytes) back to the file system; it reads as zeroes then. */
  punchHole(slot: number, position: number, length: number): void {
    this.#prepare(slot, FileOp.punchHole, 0, position, length);
  }

  /** Prepares zeroing a range (bytes) while keeping its space. */
  zeroRange(slot: number, position: number, length: number): void {
    this.#prepare(slot, FileOp.zeroRange, 0, position, length);
  }

  #prepare(slot: number, op: FileOp, flags: number, position: number, length: number): void {
    this.#requests.set(slot, op, flags, position, length);
    this.#requests.submitted[this.#prepared++] = slot;
  }

  /** Appends `length` bytes at `offset` of an attached mapping; false where the slot has no room for another segment. */
  addSegment(slot: number, mapping: number, offset: number, length: number): boolean {
    return this.#requests.addSegment(slot, mapping, offset, length);
  }

  /** Submits what is prepared, and collects completions: how many there are. */
  submit(): number {
    const count = this.#prepared;
    this.#prepared = 0;
    const done = this.#submit(count);
    this.#pending += count - done;
    return done;
  }

  /** The slot that the last `submit` reported as number `index`. */
  completed(index: number): number {
    return this.#requests.completed[index]!;
  }

  /** Bytes moved (maybe fewer than asked for), or a negative errno; EINVAL and EFAULT also for a bad request or segment. */
  result(slot: number): number {
    return this.#requests.result(slot);
  }

  /** Calls `listener` on the event loop while completions wait for a `submit`. Nothing ever waits with `sync`. */
  watch(listener: () => void): void {
    if (this.engine === 'sync' || this.#watch !== undefined) return;
    this.#watch = system(() => native.fileIoWatch(this.#object, listener));
  }

  /** Gives up what is in flight, and blocks for what cannot be given up: wait for completions first. Idempotent. */
  close(): void {
    if (this.#watch !== undefined) native.unwatchFd(this.#watch);
    this.#watch = undefined;
    this.#pending = 0;
    native.fileIoClose(this.#object);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export { FileFlag };

function wantsRing(fd: Fd, engine: FileIoEngine): boolean {
  return engine === 'uring' || (engine === 'auto' && system(() => native.canTryRead(fd.number)));
}

/** undefined where there is no io_uring and none was insisted on. */
function openRing(open: (ring: boolean) => FileIoObject, engine: FileIoEngine): FileIoObject | undefined {
  try {
    return open(true);
  } catch (error) {
    if (!isNativeSystemError(error)) throw error;
    if (engine === 'uring') throw new IoUringUnavailableError(error);
    return undefined;
  }
}
