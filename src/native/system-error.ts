/** From what the addon throws to the classes of `errors.ts`. */
import { isNativeSystemError, SystemError } from './errors.js';

const HINTS: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no file descriptor left: raise ulimit -n, or close some',
  ENFILE: 'the whole system has no file descriptor left: raise fs.file-max',
  ENOMEM: 'the host is out of memory, or of address space for this process (ulimit -v)',
  EACCES: 'check the owner and mode of the file, and of its directories',
  EPERM: 'the sandbox or the seals of the file forbid it',
  EBADF: 'a descriptor was closed by someone else: give each one a single owner',
  EPIPE: 'the peer has closed its end',
  ECONNRESET: 'the peer has gone',
  ETOOMANYREFS: 'too many descriptors are under way in sockets: the receivers must read them first',
};

/** The error to throw for `error`: a SystemError for a refused system call, everything else unchanged. */
export function toSystemError(error: unknown): unknown {
  return isNativeSystemError(error) ? new SystemError(error, HINTS[error.code]) : error;
}

/** Runs one call into the addon with its errors converted. Not for hot paths. */
export function system<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw toSystemError(error);
  }
}
