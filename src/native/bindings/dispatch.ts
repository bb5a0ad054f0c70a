/** What the addon exports of KVM and of ioregionfd: ioctls, dispatchers and callers, vCPUs, region servers. */
import type {
  CallerObject,
  DispatcherObject,
  MappingObject,
  OrderGroupObject,
  ServerObject,
  VcpuObject,
} from './objects.js';

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
