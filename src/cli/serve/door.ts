/** The socket of a device: whoever comes before there is somebody to serve him waits in front of it. */
import type { Fd, UnixListener } from '../../native/index.js';
import { describeEndpoint, type Endpoint, listen } from './endpoint.js';
import { log } from './log.js';

/** The server is there within milliseconds; more frontends than this before that are not frontends. */
const MOST_WAITING = 16;

export class Door {
  /** For people. */
  readonly place: string;
  readonly #listener: UnixListener;
  readonly #waiting: Fd[] = [];
  #admit: (connection: Fd) => void = (connection) => this.#wait(connection);

  private constructor(name: string, endpoint: Endpoint) {
    this.place = describeEndpoint(endpoint);
    this.#listener = listen(endpoint, {
      onConnection: (connection) => this.#admit(connection),
      onError: (error) => log(`${name}: a connection could not be accepted: ${(error as Error).message}`),
    });
  }

  /** SocketInUseError, NotListeningError, or SystemError. */
  static open(name: string, endpoint: Endpoint): Door {
    return new Door(name, endpoint);
  }

  /** Connections that nobody serves yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  #wait(connection: Fd): void {
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(connection);
    else connection.close();
  }

  /** Hands over those who wait, and from now on everybody who comes; `admit` takes over the connection. */
  serve(admit: (connection: Fd) => void): void {
    this.#admit = admit;
    for (const connection of this.#waiting.splice(0)) admit(connection);
  }

  /** Nobody comes any more. Idempotent. */
  close(): void {
    this.#listener.close();
    for (const connection of this.#waiting.splice(0)) connection.close();
  }
}
