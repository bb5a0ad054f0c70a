/**
 * What the C addon exports, function by function. Only `src/native` imports this: every other layer uses the typed
 * face in `index.ts`. Every function throws a `TypeError`/`RangeError` for an argument of the wrong kind and an
 * `Error` with `code`, `errno` and `syscall` where the kernel refused (see `errors.ts` for the classes they become).
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

declare const brand: unique symbol;
/** An opaque native object; the brand keeps kinds apart in TypeScript, a type tag does so in C. */
export interface NativeObject<Kind extends string> {
  readonly [brand]: Kind;
}
export type MappingObject = NativeObject<'mapping'>;
export type WatchObject = NativeObject<'watch'>;
export type DispatcherObject = NativeObject<'dispatcher'>;
export type CallerObject = NativeObject<'caller'>;
export type VcpuObject = NativeObject<'vcpu'>;
export type OrderGroupObject = NativeObject<'order-group'>;
export type ServerObject = NativeObject<'server'>;
export type IoVectorObject = NativeObject<'io-vector'>;
export type FileIoObject = NativeObject<'file-io'>;

/** native/src/fd.c */
export interface FdBinding {
  close(fd: number): void;
  /** F_DUPFD_CLOEXEC, lowest number 3. */
  dup(fd: number): number;
  setNonblock(fd: number, on: boolean): void;
  /** Blocks other processes' inheritance (`on`) or allows it. */
  setCloexec(fd: number, on: boolean): void;
  /** EFD_CLOEXEC always; `nonblock` and `semaphore` as asked. */
  eventfd(initial: number, nonblock: boolean, semaphore: boolean): number;
  eventfdWrite(fd: number, value: number): void;
  /** The counter as a bigint; null where it is zero and the eventfd is non-blocking. */
  eventfdRead(fd: number): bigint | null;
  /**
   * Waits at most `micros` (up to 1000) until the eventfd is signalled, and clears it: true. False where the time ran out, it
   * has failed, or something else that this thread's event loop watches is ready.
   */
  eventfdWait(fd: number, micros: number): boolean;
  /**
   * About a microsecond of waiting, and sched_yield(2) where it `yields`. Returns how long it took in µs, 1 at least; negative where
   * something that this thread's event loop watches is ready.
   */
  breathe(yields: boolean): number;
  /** A memfd of `size` bytes, sealed with F_SEAL_SHRINK | F_SEAL_SEAL and, where `fixed`, F_SEAL_GROW. */
  memfd(name: string, size: number, fixed: boolean): number;
  /** F_GET_SEALS as a bit set; EINVAL where the file cannot be sealed. */
  seals(fd: number): number;
  /** CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK. */
  timerfd(): number;
  /** Relative first expiry and interval in ns; 0 disarms. */
  timerfdSet(fd: number, valueNs: number, intervalNs: number): void;
  /** [read end, write end], O_CLOEXEC. */
  pipe(): [number, number];
  /** st_dev, st_ino and st_size: what tells one open file from another. */
  fileIdentity(fd: number): [bigint, bigint, bigint];
  /** FIONREAD / SIOCINQ: bytes waiting to be read. */
  pendingBytes(fd: number): number;
  /**
   * poll(2) over `fds`, each [fd, events] pair flattened; revents replace events. `timeoutMs` -1 waits for ever (and
   * blocks this thread). Returns the number of ready entries.
   */
  poll(fds: Int32Array, timeoutMs: number): number;
  /** read(2)/write(2) once, without the position handling of node:fs; 0 is end of file, -1 would block. */
  read(fd: number, bytes: Uint8Array): number;
  write(fd: number, bytes: Uint8Array): number;
}

/** native/src/fd_watch.c: readiness on this thread's event loop (uv_poll). */
export interface FdWatchBinding {
  /** Calls `onReady(status, events)` (0 or a negative errno) each time `fd` is readable, until unwatched. */
  watchFd(fd: number, onReady: (status: number, events: number) => void): WatchObject;
  /** What is waited for from now on: readable 1 | writable 2, or 0 for nothing. */
  watchEvents(watch: WatchObject, events: number): void;
  /** Idempotent. The fd may be closed only afterwards. */
  unwatchFd(watch: WatchObject): void;
  /** A watch that is not referenced does not keep the event loop alive. */
  refWatch(watch: WatchObject, on: boolean): void;
}

/** native/src/ioctl.c: only requests of an allow-list, each with the length its number encodes. */
export interface IoctlBinding {
  /** KVM ioctls that take an integer or nothing; returns the result. */
  ioctlInt(fd: number, request: number, argument: number): number;
  /** KVM ioctls that take a structure; `data` must be at least as long as the request (and its counts) demands. */
  ioctlData(fd: number, request: number, data: Uint8Array): number;
  /**
   * KVM_SET_USER_MEMORY_REGION with memory of `mapping` from `offset`; pins the mapping until the slot is deleted
   * with `size` 0 (pass null as mapping then) or `unpinMapping` is called.
   */
  setMemoryRegion(
    vm: number,
    slot: number,
    flags: number,
    gpa: bigint,
    size: number,
    mapping: MappingObject | null,
    offset: number,
  ): void;
  /** KVM_GET_DIRTY_LOG into `bitmap`, which must hold a bit for each of `pages`, rounded up to 64. */
  dirtyLog(vm: number, slot: number, pages: number, bitmap: Uint8Array): void;
}

/** native/src/mapping.c */
export interface MappingBinding {
  /** mmap of `length` bytes at `offset` of `fd` (-1: anonymous). `shared` selects MAP_SHARED; `prot` PROT_READ 1 | PROT_WRITE 2. */
  mmap(fd: number, length: number, offset: number, prot: number, shared: boolean): MappingObject;
  /** The bytes, the same ArrayBuffer at each call until the mapping is gone. */
  mappingBuffer(mapping: MappingObject): ArrayBuffer;
  /** Detaches the ArrayBuffer, then unmaps. Idempotent. EBUSY while pinned. */
  munmap(mapping: MappingObject): void;
  unpinMapping(mapping: MappingObject): void;
  /**
   * From now on an access behind the end of the file (SIGBUS) finds zeroed memory of this process, and `eventfd` (which is
   * duplicated) is signalled. EBUSY where it has a guard already, ENOSPC where there are too many.
   */
  guardMapping(mapping: MappingObject, eventfd: number): void;
  /** Flushes to the file (msync MS_SYNC). */
  msync(mapping: MappingObject, offset: number, length: number): void;
  /** MADV_DONTNEED / MADV_REMOVE style advice by number, on a page-aligned range. */
  madvise(mapping: MappingObject, offset: number, length: number, advice: number): void;
}

/** native/src/socket.c */
export interface SocketBinding {
  /** AF_UNIX pair, SOCK_CLOEXEC. */
  socketpair(type: 'stream' | 'seqpacket'): [number, number];
  /** SO_SNDBUF / SO_RCVBUF; returns what the kernel granted. */
  setBuffers(fd: number, send: number, receive: number): [number, number];
  /** Binds and listens with the file mode given from the first moment; EADDRINUSE where a live server has the path. */
  unixListen(path: string, mode: number, backlog: number): number;
  /** Non-blocking accept4(SOCK_CLOEXEC); null where nobody waits. */
  unixAccept(fd: number): number | null;
  /** Connects (blocking, local) and returns the fd. */
  unixConnect(path: string): number;
  /** SO_PEERCRED. */
  peerCredentials(fd: number): { pid: number; uid: number; gid: number };
  /** shutdown(2), SHUT_RDWR. */
  shutdown(fd: number): void;
  /** sendmsg with SCM_RIGHTS, MSG_NOSIGNAL; bytes sent, -1 where it would block. At most 253 fds. */
  sendFds(fd: number, data: Uint8Array, fds: number[]): number;
  /** recvmsg with MSG_CMSG_CLOEXEC; null where it would block. Surplus fds are closed and `truncated` is true. */
  recvFds(fd: number, data: Uint8Array, maxFds: number): { bytes: number; fds: number[]; truncated: boolean } | null;
}

/** native/src/thread.c */
export interface ThreadBinding {
  gettid(): number;
  /** Pins the calling thread. */
  setAffinity(cpus: number[]): void;
  getAffinity(): number[];
  /** CLOCK_MONOTONIC in ns. */
  monotonicNs(): number;
}

/** An outcome of `access`, `resume` and `run`; the numbers are fixed by native/src/caller.h. */
export const AccessOutcome = {
  /** Answered (or posted); the value is in the access area. */
  done: 0,
  /** No region takes it: odd size, straddling, or nobody there. */
  unhandled: 1,
  /** Kicked while waiting; `resume` (or the next `run`) goes on with the same access. */
  interrupted: 2,
  /** The region's peer failed; details in the access area. `resolve` decides how the access ends. */
  failed: 3,
} as const;

/**
 * native/src/dispatcher.c, loopback_caller.c, region_table.c, channel.c, caller.c. A dispatcher is shared by all threads of
 * the process: `dispatcherId` travels to another Worker, which calls `dispatcherOpen`.
 */
export interface DispatcherBinding {
  dispatcherCreate(): DispatcherObject;
  dispatcherId(dispatcher: DispatcherObject): number;
  /** Another reference to a live dispatcher; ENOENT where it is gone. */
  dispatcherOpen(id: number): DispatcherObject;
  /** Drops this reference. */
  dispatcherRelease(dispatcher: DispatcherObject): void;
  /**
   * Adds a region: the checks and errors of RFC v3 (EINVAL, EBADF, EEXIST, ENOSPC). `flags`: PIO 1, POSTED_WRITES 2.
   * `policy`: 0 all ones and drop, 1 stop, 2 retry. `deadlineMs` 0: none. `trusted`: the peer answers each command once,
   * so it is not checked for that. Both fds are duplicated. Returns the region id.
   */
  regionAdd(
    dispatcher: DispatcherObject,
    gpa: bigint,
    size: bigint,
    userData: bigint,
    readFd: number,
    writeFd: number,
    flags: number,
    policy: number,
    deadlineMs: number,
    trusted: boolean,
  ): number;
  /** Exact gpa, size and space; ENOENT otherwise. Wakes and fails the waiters. */
  regionRemove(dispatcher: DispatcherObject, gpa: bigint, size: bigint, flags: number): void;
  /** True where the region's channel has failed and has not been reconnected. */
  regionFailed(dispatcher: DispatcherObject, regionId: number): boolean;
  /**
   * New fds for the failed channel of a region; its waiters retry. EINVAL where the channel has not failed, or where one
   * of the fds belongs to another channel.
   */
  regionReconnect(dispatcher: DispatcherObject, regionId: number, readFd: number, writeFd: number): void;
  /** [reads, writes, posted writes, failures, accesses ended by policy] of a region. */
  regionStats(dispatcher: DispatcherObject, regionId: number): [number, number, number, number, number];
  /** A caller stands for one vCPU without KVM: one access at a time. */
  callerCreate(dispatcher: DispatcherObject): CallerObject;
  callerId(caller: CallerObject): number;
  /** Ends a caller; a command it left outstanding is drained by the next user of the channel. */
  callerRelease(caller: CallerObject): void;
  /** 128 bytes shared with JavaScript (struct caller_area in caller.h): request, value of a read, failure record. */
  callerArea(caller: CallerObject): ArrayBuffer;
  /**
   * The function that makes the access described in the area and stores its AccessOutcome there. Bound to its caller, so
   * that a call converts no argument and no result.
   */
  accessFunction(caller: CallerObject): () => void;
  /** Goes on with an interrupted access. */
  resume(caller: CallerObject): number;
  /** Ends a failed access: 0 all ones / dropped, 1 retry. Returns an AccessOutcome. */
  resolve(caller: CallerObject, action: number): number;
  /** From any thread: makes the access under way, or the next one, return `interrupted`. False where the caller is gone. */
  kickCaller(id: number): boolean;
  /** Ends all waits of this process for good: called once, when it exits, so that no Worker stays in a system call. */
  stopAll(): void;
}

/** native/src/vcpu.c */
export interface VcpuBinding {
  /** Takes a vCPU fd (duplicated), its mmap size, and the dispatcher that serves its exits. */
  vcpuCreate(vcpuFd: number, mmapSize: number, dispatcher: DispatcherObject): VcpuObject;
  /** For `kickVcpu` on other threads. */
  vcpuId(vcpu: VcpuObject): number;
  /** The kvm_run page(s). */
  vcpuRunArea(vcpu: VcpuObject): ArrayBuffer;
  /** The caller area (128 bytes) of this vCPU: failure record. */
  vcpuArea(vcpu: VcpuObject): ArrayBuffer;
  /**
   * The function that runs the vCPU until something JavaScript must handle: a KVM exit reason (0 or more; the kvm_run page tells the rest),
   * -1 interrupted by a kick, -2 a region failed (answer with `vcpuResolve`, then run again). Throws on other errno.
   */
  vcpuRunFunction(vcpu: VcpuObject): () => number;
  /**
   * Ends the access under way and has KVM take in its result, without an instruction of the guest: -3, or what the run function returns.
   */
  vcpuSettle(vcpu: VcpuObject): number;
  vcpuResolve(vcpu: VcpuObject, action: number): void;
  /** From any thread: immediate_exit, then a signal. False where the vCPU is gone. */
  kickVcpu(id: number): boolean;
  vcpuRelease(vcpu: VcpuObject): void;
}

/** native/src/order_group.c: device-wide ordering over several region fds of one device, served by threads of one process. */
export interface OrderGroupBinding {
  orderGroupCreate(): OrderGroupObject;
  orderGroupId(group: OrderGroupObject): number;
  orderGroupOpen(id: number): OrderGroupObject;
  orderGroupRelease(group: OrderGroupObject): void;
}

/** native/src/server.c, server_binding.c: the device side of one region fd. */
export interface ServerBinding {
  /** Both fds are duplicated. `group` may be null. `spinNs`: bounded spinning before blocking. */
  serverOpen(readFd: number, writeFd: number, group: OrderGroupObject | null, spinNs: number): ServerObject;
  serverId(server: ServerObject): number;
  /** Commands: 64 x 32 bytes, then responses: 64 x 32 bytes, then two words for `exchangeFunction`. */
  serverArea(server: ServerObject): ArrayBuffer;
  /**
   * The function that sends the first responses, as many as the first word behind them says (at most 64), then waits for
   * commands (`wait`) or takes what is there. It stores in the second word the number received (1 to 64), 0 at end of file,
   * or a negative code: -1 stopped, -2 a message of the wrong length, -3 a socket error (errno in serverError), -4 nothing
   * there, -5 (without `wait`) the file does not take the responses: to be called again with the same number once it is
   * writable.
   */
  exchangeFunction(server: ServerObject, wait: boolean): () => void;
  serverError(server: ServerObject): number;
  /**
   * Before carrying out the read that is command number `handled` of the last batch: declares the commands before it
   * done, then waits until all earlier writes on sibling fds are. False where stopped.
   */
  barrier(server: ServerObject, handled: number): boolean;
  /** The same without waiting: true where nothing earlier is left. */
  barrierNow(server: ServerObject, handled: number): boolean;
  /** From any thread: the exchange or barrier under way, and every later one, ends with "stopped". */
  stopServer(id: number): boolean;
  /**
   * From any thread: the waiting exchange under way, or the next one, ends with "kicked" once its responses are sent; those after it
   * go on. False where the server is gone.
   */
  kickServer(id: number): boolean;
  /** Closes its fds. Idempotent. */
  serverRelease(server: ServerObject): void;
}

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

/** native/src/tap.c */
export interface TapBinding {
  /** A queue of the TAP device `name` (made where it does not exist; `%d` takes a free number), non-blocking, with vnet header. */
  tapOpen(name: string, multiQueue: boolean): { fd: number; name: string; flags: number };
  /** TUNGETIFF: the same for a descriptor from elsewhere. */
  tapDescribe(fd: number): { fd: number; name: string; flags: number };
  /** TUNSETOFFLOAD: TUN_F_* of the device, so of all its queues. EINVAL where the kernel does not know one. */
  tapSetOffload(fd: number, offloads: number): void;
  /** TUNSETVNETHDRSZ in bytes, 10 to 64. */
  tapSetHeaderSize(fd: number, size: number): void;
  /** TUNSETQUEUE: a queue that is not enabled gets no packets. Only with `multiQueue`. */
  tapEnableQueue(fd: number, enabled: boolean): void;
}

/** native/src/pty.c */
export interface PtyBinding {
  /** A pseudoterminal in raw mode: its master, non-blocking, and the path of the other end. */
  ptyOpen(): { fd: number; path: string };
  /** Raw mode; returns the mode before, for `terminalRestore`. */
  terminalSetRaw(fd: number): Uint8Array;
  terminalRestore(fd: number, mode: Uint8Array): void;
  /** [columns, rows] */
  terminalSize(fd: number): [number, number];
  terminalSetSize(fd: number, columns: number, rows: number): void;
}

export interface NativeBinding
  extends FdBinding,
    FdWatchBinding,
    IoctlBinding,
    MappingBinding,
    SocketBinding,
    ThreadBinding,
    DispatcherBinding,
    VcpuBinding,
    OrderGroupBinding,
    ServerBinding,
    FileIoBinding,
    ImageFileBinding,
    IoVectorBinding,
    TapBinding,
    PtyBinding {}

const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * The loaded addon, copied: V8 would look its own object up as a dictionary at each call. IOREGION_ADDON names another build
 * of it (the sanitizer run uses this).
 */
export const native: NativeBinding = { ...load() };

// Node joins its Workers when the process exits; one that waits in a system call for a guest or a device would keep it.
// The main thread: what node:worker_threads knows as well, and takes 10 ms of a cold start to load.
if (native.gettid() === process.pid) process.on('exit', () => native.stopAll());

/** What node-gyp-build would find first is looked for at once: its search is most of what each Worker waits for this module. */
function load(): NativeBinding {
  const override = process.env.IOREGION_ADDON;
  if (override !== undefined) {
    const module: { exports: NativeBinding } = { exports: {} as NativeBinding };
    process.dlopen(module, override);
    return module.exports;
  }
  const require = createRequire(import.meta.url);
  const built = `${packageRoot}build/Release/ioregion.node`;
  if (process.env.PREBUILDS_ONLY === undefined && existsSync(built)) return require(built) as NativeBinding;
  const loadAddon = require('node-gyp-build') as (root: string) => NativeBinding;
  return loadAddon(packageRoot);
}
