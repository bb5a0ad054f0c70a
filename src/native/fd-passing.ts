/** Descriptors in messages over Unix sockets (SCM_RIGHTS). */
import { native } from './binding.js';
import { Fd } from './fd.js';
import { system } from './system-error.js';

/** The most descriptors in one message. */
export const MAX_PASSED_FDS = 253;

export interface ReceivedMessage {
  /** Bytes of data; 0 at the end of the connection. */
  bytes: number;
  /** The descriptors that came along, owned by the receiver, close-on-exec. */
  fds: Fd[];
  /** Descriptors (more than `maxFds`, or than this process may open) or data did not fit and are lost. */
  truncated: boolean;
}

/**
 * Sends `data` (at least one byte) with `fds`, which stay open here. Returns the bytes sent, null where the socket would
 * block. A stream socket may take fewer bytes than given: the descriptors have gone then, the rest follows with `write`.
 */
export function sendFds(socket: Fd, data: Uint8Array, fds: readonly Fd[]): number | null {
  const numbers = fds.map((fd) => fd.number);
  const sent = system(() => native.sendFds(socket.number, data, numbers));
  return sent < 0 ? null : sent;
}

/** Receives data and at most `maxFds` descriptors; null where the socket would block. Surplus descriptors are closed. */
export function receiveFds(socket: Fd, data: Uint8Array, maxFds: number): ReceivedMessage | null {
  const message = system(() => native.recvFds(socket.number, data, maxFds));
  if (message === null) return null;
  return { bytes: message.bytes, fds: message.fds.map((number) => new Fd(number)), truncated: message.truncated };
}
