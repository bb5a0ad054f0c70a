/** What the addon exports of the kernel and of C that is no part of KVM or a device: descriptors, memory, sockets, threads, terminals. */
import type { MappingObject, WatchObject } from './objects.js';

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

/** native/src/mapping_load.c: writing to a mapping without its ArrayBuffer. */
export interface MappingLoadBinding {
  /** Copies bytes to the mapping from `offset` on. */
  mappingLoad(mapping: MappingObject, offset: number, bytes: Uint8Array): void;
  /** pread(2) of `length` bytes from position `at` on: how many there were, fewer where the file ends before. */
  mappingLoadFile(mapping: MappingObject, offset: number, length: number, fd: number, at: number): number;
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
