/** A server at a path in the file system, on the event loop. */
import { lstatSync, rmSync, unlinkSync } from 'node:fs';
import { native } from './binding.js';
import { undoOnFailure } from './disposables.js';
import { isNativeSystemError, NotListeningError, SocketInUseError } from './errors.js';
import { Fd } from './fd.js';
import { FdWatch } from './fd-watch.js';
import { toSystemError } from './system-error.js';
import { type PeerCredentials, peerCredentials } from './unix-socket.js';

const DEFAULT_MODE = 0o600;
const DEFAULT_BACKLOG = 16;
/** A connection that cannot be accepted keeps the socket readable: without a pause the loop would spin on it. */
const ACCEPT_RETRY_MS = 100;

export interface UnixListenerOptions {
  /** Mode of the socket from the first moment; writing means connecting. Default 0600. */
  mode?: number;
  /** Connections that may wait to be accepted. Default 16. */
  backlog?: number;
  /** Decides who may connect. Default: this user, and root. */
  allow?: (peer: PeerCredentials) => boolean;
  /** Takes over an accepted connection (a blocking, close-on-exec socket). */
  onConnection: (connection: Fd, peer: PeerCredentials) => void;
  /** Connections cannot be accepted, e.g. for want of descriptors; tried again after 100 ms. */
  onError: (error: unknown) => void;
}

/** Listens at a path; a socket left behind by a dead server is replaced, one in use never (SocketInUseError). */
export class UnixListener implements Disposable {
  /** Empty where the socket was inherited: its path belongs to whoever made it. */
  readonly path: string;
  readonly #options: UnixListenerOptions;
  readonly #socket: Fd;
  readonly #inode: bigint | undefined;
  #watch: FdWatch;
  #retry: NodeJS.Timeout | undefined;
  #refused = 0;

  private constructor(path: string, options: UnixListenerOptions, socket: Fd) {
    this.path = path;
    this.#options = options;
    this.#socket = socket;
    if (path !== '') this.#inode = lstatSync(path, { bigint: true }).ino;
    this.#watch = this.#startWatch();
  }

  static listen(path: string, options: UnixListenerOptions): UnixListener {
    return undoOnFailure((undo) => {
      const socket = undo.use(openSocket(path, options));
      undo.defer(() => rmSync(path, { force: true }));
      return new UnixListener(path, options, socket);
    });
  }

  /**
   * Takes over a socket that another process has made to listen (socket activation); `mode` and `backlog` are theirs.
   * NotListeningError where the descriptor is something else.
   */
  static inherit(socket: Fd, options: UnixListenerOptions): UnixListener {
    const waiting = acceptFirst(socket);
    const listener = new UnixListener('', options, socket);
    if (waiting !== null) setImmediate(() => listener.#admitLater(waiting));
    return listener;
  }

  /** Connections closed because `allow` said no. */
  get refused(): number {
    return this.#refused;
  }

  /** Stops listening and removes the path, unless another server has it by now. Idempotent. */
  close(): void {
    if (this.#socket.closed) return;
    clearTimeout(this.#retry);
    this.#watch.close();
    this.#removePath();
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #removePath(): void {
    if (this.path === '') return;
    const status = lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (status?.ino === this.#inode) unlinkSync(this.path);
  }

  #startWatch(): FdWatch {
    return new FdWatch(this.#socket, () => this.#acceptAll());
  }

  #acceptAll(): void {
    while (!this.#socket.closed) {
      const connection = this.#acceptOne();
      if (connection === null) return;
      this.#admit(connection);
    }
  }

  #acceptOne(): Fd | null {
    try {
      const number = native.unixAccept(this.#socket.number);
      return number === null ? null : new Fd(number);
    } catch (error) {
      this.#pause();
      this.#options.onError(toSystemError(error));
      return null;
    }
  }

  #admitLater(connection: Fd): void {
    if (this.#socket.closed) connection.close();
    else this.#admit(connection);
  }

  #admit(connection: Fd): void {
    const { allow = isSameUserOrRoot, onConnection } = this.#options;
    undoOnFailure((undo) => {
      undo.use(connection);
      const peer = peerCredentials(connection);
      if (allow(peer)) return onConnection(connection, peer);
      this.#refused++;
      connection.close();
    });
  }

  #pause(): void {
    this.#watch.close();
    this.#retry = setTimeout(() => {
      this.#watch = this.#startWatch();
    }, ACCEPT_RETRY_MS);
  }
}

function openSocket(path: string, { mode = DEFAULT_MODE, backlog = DEFAULT_BACKLOG }: UnixListenerOptions): Fd {
  try {
    return new Fd(native.unixListen(path, mode, backlog));
  } catch (error) {
    throw isNativeSystemError(error) && error.code === 'EADDRINUSE'
      ? new SocketInUseError(path, error)
      : toSystemError(error);
  }
}

/** A connection that waits, or null. Only a socket that listens says either. */
function acceptFirst(socket: Fd): Fd | null {
  try {
    native.setNonblock(socket.number, true);
    const number = native.unixAccept(socket.number);
    return number === null ? null : new Fd(number);
  } catch (error) {
    throw isNativeSystemError(error) ? new NotListeningError(socket.number, error) : error;
  }
}

function isSameUserOrRoot(peer: PeerCredentials): boolean {
  return peer.uid === 0 || peer.uid === process.geteuid?.();
}
