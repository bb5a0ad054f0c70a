/** The control socket of `ioregion run`: whoever may write to its path says what becomes of the machine. See README.md. */
import { UnixListener } from '../../native/index.js';
import type { ControlledMachine } from './command.js';
import { ControlConnection } from './connection.js';

const MAX_CONNECTIONS = 8;

export class ControlSocket {
  readonly #listener: UnixListener;
  readonly #connections = new Set<ControlConnection>();
  readonly #machine: Promise<ControlledMachine>;
  #attach: (machine: ControlledMachine) => void = () => {};
  #giveUp: () => void = () => {};

  /** Only for this user and root, by the mode of the path and the credentials of who connects. @throws SocketInUseError, SystemError */
  constructor(path: string) {
    this.#machine = new Promise((resolve, reject) => {
      this.#attach = resolve;
      this.#giveUp = () => reject(new Error('the machine has not started'));
    });
    this.#machine.catch(() => {});
    this.#listener = UnixListener.listen(path, {
      onConnection: (connection) => {
        if (this.#connections.size < MAX_CONNECTIONS) this.#add(new ControlConnection(connection, this.#machine));
        else ControlConnection.refuse(connection, `there are ${MAX_CONNECTIONS} connections already`);
      },
      onError: (error) => console.error(`ioregion: control socket: ${(error as Error).message}`),
    });
  }

  /** Lines that have come before are for this machine too. */
  attach(machine: ControlledMachine): void {
    this.#attach(machine);
  }

  /** The path is gone; connections are closed after the answer to the line under way. Idempotent. */
  close(): void {
    this.#giveUp();
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
  }

  #add(connection: ControlConnection): void {
    this.#connections.add(connection);
    void connection.ended.then(() => this.#connections.delete(connection));
  }
}
