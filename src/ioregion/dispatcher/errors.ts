/** The errors of adding and removing regions: those of KVM_SET_IOREGION, the same from every dispatcher. */
import { type ErrorDetails, IoregionError, isNativeSystemError } from '../../native/errors.js';

/** Base of the errors of a dispatcher. */
export class DispatcherError extends IoregionError {}

/** EINVAL: unknown flags, a range that wraps, size 0 without posted writes, or fds of two different channels. */
export class RegionInvalidError extends DispatcherError {
  constructor(reason: string, details: ErrorDetails = {}) {
    super('ERR_IOREGION_REGION_INVALID', `region refused: ${reason}`, details);
  }
}

/** EBADF: a file descriptor that is not open. */
export class RegionBadFdError extends DispatcherError {
  constructor(details: ErrorDetails = {}) {
    super('ERR_IOREGION_REGION_BAD_FD', 'region refused: readFd or writeFd is not open', details);
  }
}

/** EEXIST: the range overlaps another region (or, in the kernel, an ioeventfd). */
export class RegionExistsError extends DispatcherError {
  constructor(details: ErrorDetails = {}) {
    super(
      'ERR_IOREGION_REGION_EXISTS',
      'region refused: it overlaps one that is there; remove that one first',
      details,
    );
  }
}

/** ENOENT: no region has exactly this space, address and size. */
export class RegionNotFoundError extends DispatcherError {
  constructor(details: ErrorDetails = {}) {
    super('ERR_IOREGION_REGION_NOT_FOUND', 'no region with exactly this space, address and size', details);
  }
}

/** ENOSPC: the address space holds 1000 regions already. */
export class RegionLimitError extends DispatcherError {
  constructor(details: ErrorDetails = {}) {
    super(
      'ERR_IOREGION_REGION_LIMIT',
      'region refused: 1000 regions in one address space; use one region per BAR',
      details,
    );
  }
}

/** The dispatcher was closed. */
export class DispatcherClosedError extends DispatcherError {
  constructor() {
    super('ERR_IOREGION_DISPATCHER_CLOSED', 'the dispatcher has been closed');
  }
}

/** Another errno of the dispatcher: out of descriptors or memory. */
export class DispatcherSystemError extends DispatcherError {
  constructor(details: ErrorDetails) {
    super('ERR_IOREGION_DISPATCHER_SYSTEM', `${details.syscall} failed: ${details.errnoName}`, details);
  }
}

const CLASSES: Record<string, (details: ErrorDetails) => DispatcherError> = {
  EINVAL: (details) =>
    new RegionInvalidError(
      'bad flags, a range past 2^64, size 0 without postedWrites, or fds of two channels',
      details,
    ),
  EBADF: (details) => new RegionBadFdError(details),
  EEXIST: (details) => new RegionExistsError(details),
  ENOENT: (details) => new RegionNotFoundError(details),
  ENOSPC: (details) => new RegionLimitError(details),
};

/** The errno of what the addon or the KVM layer threw; null where it is another kind of error. */
function errnoOf(error: unknown): ErrorDetails | null {
  if (error instanceof IoregionError) {
    if (error.errnoName === undefined) return null;
    return { errno: error.errno ?? 0, errnoName: error.errnoName, syscall: error.syscall ?? 'ioctl', cause: error };
  }
  if (!isNativeSystemError(error)) return null;
  return { errno: error.errno, errnoName: error.code, syscall: error.syscall, cause: error };
}

/** Runs `action`, turning an errno into its class. */
export function withRegionErrors<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    const details = errnoOf(error);
    if (details === null) throw error;
    throw CLASSES[details.errnoName ?? '']?.(details) ?? new DispatcherSystemError(details);
  }
}
