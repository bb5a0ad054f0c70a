/**
 * The error classes of the native layer and the base class of all of ioregion's errors: one class per failure, each
 * with a stable `code`.
 */
export interface ErrorDetails {
  /** errno of the failed system call, as a positive number. */
  errno?: number;
  /** Symbolic errno, e.g. `EEXIST`. */
  errnoName?: string;
  /** The system call or ioctl that failed, e.g. `ioctl(KVM_CREATE_VM)`. */
  syscall?: string;
  cause?: unknown;
}

/** Base of every error that ioregion throws: `code` never changes between releases, `message` says what to do next. */
export class IoregionError extends Error {
  readonly code: string;
  readonly errno?: number;
  readonly errnoName?: string;
  readonly syscall?: string;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    if (details.errno !== undefined) this.errno = details.errno;
    if (details.errnoName !== undefined) this.errnoName = details.errnoName;
    if (details.syscall !== undefined) this.syscall = details.syscall;
  }
}

/** What the addon throws when the kernel refuses: `code` is the errno's name. */
export interface NativeSystemError extends Error {
  code: string;
  errno: number;
  syscall: string;
}

export function isNativeSystemError(error: unknown): error is NativeSystemError {
  return (
    error instanceof Error &&
    typeof (error as Partial<NativeSystemError>).errno === 'number' &&
    typeof (error as Partial<NativeSystemError>).syscall === 'string'
  );
}

/** A system call failed (`ERR_IOREGION_SYSTEM`); `errnoName` and `syscall` say which and why. */
export class SystemError extends IoregionError {
  /** What the user can do about it, where that is known. */
  readonly hint: string | undefined;

  constructor(failure: NativeSystemError, hint: string | undefined) {
    const advice = hint === undefined ? '' : `; ${hint}`;
    super('ERR_IOREGION_SYSTEM', `${failure.message}${advice}`, systemDetails(failure));
    this.hint = hint;
  }
}

/** A file descriptor was used after its close or release (`ERR_IOREGION_FD_CLOSED`). */
export class FdClosedError extends IoregionError {
  constructor() {
    super('ERR_IOREGION_FD_CLOSED', 'the file descriptor is closed, or was released to another owner');
  }
}

/** Memory was used after its unmapping (`ERR_IOREGION_UNMAPPED`). */
export class UnmappedError extends IoregionError {
  constructor() {
    super('ERR_IOREGION_UNMAPPED', 'the mapping is gone: it was unmapped');
  }
}

/** Memory that something still uses cannot be unmapped (`ERR_IOREGION_MAPPING_BUSY`). */
export class MappingBusyError extends IoregionError {
  constructor(failure: NativeSystemError) {
    super(
      'ERR_IOREGION_MAPPING_BUSY',
      'the mapping is in use: a VM has it as a memory slot (delete the slot first), or its ArrayBuffer was transferred',
      systemDetails(failure),
    );
  }
}

/** Another server listens at the path (`ERR_IOREGION_SOCKET_IN_USE`), or a file that is no socket is there. */
export class SocketInUseError extends IoregionError {
  constructor(path: string, failure: NativeSystemError) {
    super(
      'ERR_IOREGION_SOCKET_IN_USE',
      `${path} is taken by a server that answers, or is not a socket: stop that server or choose another path`,
      systemDetails(failure),
    );
  }
}

/** Nobody listens at the path (`ERR_IOREGION_SOCKET_UNREACHABLE`). */
export class SocketUnreachableError extends IoregionError {
  constructor(path: string, failure: NativeSystemError) {
    super(
      'ERR_IOREGION_SOCKET_UNREACHABLE',
      `nobody listens at ${path} (${failure.code}): start the server first`,
      systemDetails(failure),
    );
  }
}

/** An inherited descriptor is no Unix socket that listens (`ERR_IOREGION_NOT_LISTENING`). */
export class NotListeningError extends IoregionError {
  constructor(fd: number, failure: NativeSystemError) {
    super(
      'ERR_IOREGION_NOT_LISTENING',
      `descriptor ${fd} is no Unix socket that listens (${failure.code}): pass one, or a path`,
      systemDetails(failure),
    );
  }
}

/** This host has no usable io_uring (`ERR_IOREGION_URING_UNAVAILABLE`). */
export class IoUringUnavailableError extends IoregionError {
  constructor(failure: NativeSystemError) {
    super(
      'ERR_IOREGION_URING_UNAVAILABLE',
      `io_uring cannot be used here (${failure.code}): use the engine 'auto' or 'sync', or allow it (a container's seccomp profile, kernel.io_uring_disabled, Linux 5.12 or newer)`,
      systemDetails(failure),
    );
  }
}

/** A mapping is still named by requests in flight (`ERR_IOREGION_FILE_IO_BUSY`). */
export class FileIoBusyError extends IoregionError {
  constructor(failure: NativeSystemError) {
    super(
      'ERR_IOREGION_FILE_IO_BUSY',
      'requests are in flight: detach the mapping when they have completed',
      systemDetails(failure),
    );
  }
}

/** Another process, or another open of it here, has locked the file (`ERR_IOREGION_FILE_IN_USE`). */
export class FileInUseError extends IoregionError {
  constructor(path: string, exclusive: boolean) {
    const remedy = exclusive ? 'stop that user, or open the file read-only where it is only read' : 'stop that writer';
    super('ERR_IOREGION_FILE_IN_USE', `${path} is in use by ${exclusive ? 'another disk' : 'a writer'}: ${remedy}`);
  }
}

/** A TAP device cannot be used (`ERR_IOREGION_TAP`). */
export class TapError extends IoregionError {
  /** `failure` absent: it is no TAP queue with a vnet header. */
  constructor(name: string, failure?: NativeSystemError) {
    super('ERR_IOREGION_TAP', `${name}: ${tapReason(failure)}`, failure === undefined ? {} : systemDetails(failure));
  }
}

const TAP_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'this host has no /dev/net/tun: load the module tun, or give the container the device',
  EPERM:
    'this process may not: it needs CAP_NET_ADMIN, or a device made for its user (ip tuntap add … mode tap user …)',
  EBUSY: 'somebody uses the TAP device: close it there, or make it with multi_queue',
  EINVAL: 'an interface of that name is of another kind, or was made with (or without) multi_queue',
};

function tapReason(failure: NativeSystemError | undefined): string {
  if (failure === undefined) return 'not a TAP queue opened with IFF_NO_PI and IFF_VNET_HDR';
  return `${TAP_REASONS[failure.code] ?? 'the TAP device cannot be opened'} (${failure.message})`;
}

function systemDetails(failure: NativeSystemError): ErrorDetails {
  return { errno: failure.errno, errnoName: failure.code, syscall: failure.syscall, cause: failure };
}
