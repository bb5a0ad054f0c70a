/** A port on a Unix socket: one client at a time. */
import { connectUnix, type Fd, UnixListener } from '../../../native/index.js';
import { StreamBackend } from './stream-backend.js';

export interface SocketBackendOptions {
  /** Where clients connect. */
  path: string;
  /** Mode of the socket; writing means connecting. Default 0600. */
  mode?: number;
}

export class SocketBackend extends StreamBackend {
  readonly #server: UnixListener;
  #refused = 0;

  /** Listens; output is discarded while nobody is connected. SocketInUseError where another server has the path. */
  constructor({ path, mode = 0o600 }: SocketBackendOptions) {
    super();
    const onConnection = (connection: Fd) => this.#onConnection(connection);
    // A connection that cannot be accepted is tried again by the listener.
    this.#server = UnixListener.listen(path, { mode, onConnection, onError: () => this.#refused++ });
  }

  /** To a server at `path`; when that ends the connection, nobody is there any more. SocketUnreachableError. */
  static connect(path: string): StreamBackend {
    return StreamBackend.ofFd(connectUnix(path));
  }

  get path(): string {
    return this.#server.path;
  }

  /** Clients sent away because another one was connected, or that could not be accepted. */
  get refused(): number {
    return this.#refused;
  }

  override close(): void {
    this.#server.close();
    super.close();
  }

  #onConnection(connection: Fd): void {
    const options = { input: connection, output: connection, endsWithInput: true };
    if (!this.connected && this.tryConnect(options)) return;
    this.#refused++;
    connection.close();
  }
}
