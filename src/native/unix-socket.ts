/** Unix sockets: pairs, connecting, buffers, and who is on the other side. */
import { native } from './binding.js';
import { isNativeSystemError, SocketUnreachableError } from './errors.js';
import { Fd } from './fd.js';
import { system, toSystemError } from './system-error.js';

export type SocketType = 'stream' | 'seqpacket';

export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
}

/** Two connected sockets, close-on-exec. */
export function socketpair(type: SocketType): [Fd, Fd] {
  const [a, b] = system(() => native.socketpair(type));
  return [new Fd(a), new Fd(b)];
}

/** Connects to the stream socket at `path`; SocketUnreachableError where nobody listens. */
export function connectUnix(path: string): Fd {
  try {
    return new Fd(native.unixConnect(path));
  } catch (error) {
    if (isNativeSystemError(error) && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED'))
      throw new SocketUnreachableError(path, error);
    throw toSystemError(error);
  }
}

/** The process at the other end, as it was when it connected (or made the pair). */
export function peerCredentials(socket: Fd): PeerCredentials {
  return system(() => native.peerCredentials(socket.number));
}

/** Sets the buffer sizes in bytes (0 keeps one) and returns what the kernel granted. */
export function setSocketBuffers(socket: Fd, sizes: { send: number; receive: number }): typeof sizes {
  const [send, receive] = system(() => native.setBuffers(socket.number, sizes.send, sizes.receive));
  return { send, receive };
}

/** Ends the connection in both directions, for every holder of the socket. */
export function shutdownSocket(socket: Fd): void {
  system(() => native.shutdown(socket.number));
}
