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
