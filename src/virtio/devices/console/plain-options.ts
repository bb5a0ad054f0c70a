/** Options of a console as plain data: they travel to another thread or process. */
import { undoOnFailure } from '../../../native/index.js';
import type { ConsoleBackend } from './backend.js';
import type { ConsoleDeviceOptions, ConsolePortOptions } from './options.js';
import { PtyBackend } from './pty-backend.js';
import { SocketBackend } from './socket-backend.js';
import { StdioBackend } from './stdio-backend.js';

/** `stdio`, `pty`, or the path of a Unix socket to listen at. */
export type PlainBackend = 'stdio' | 'pty' | { readonly socket: string };

export interface PlainPort extends Omit<ConsolePortOptions, 'backend'> {
  readonly backend: PlainBackend;
}

export interface PlainConsoleOptions extends Omit<ConsoleDeviceOptions, 'ports'> {
  readonly ports: readonly PlainPort[];
}

/** Opens the backends and hands them to `make`; where anything fails, they are closed. */
export function withBackends<Result>(
  options: PlainConsoleOptions,
  make: (options: ConsoleDeviceOptions) => Result,
): Result {
  return undoOnFailure((undo) => {
    const ports = options.ports.map((port) => {
      const backend = open(port.backend);
      undo.defer(() => backend.close());
      return { ...port, backend };
    });
    return make({ ...options, ports });
  });
}

function open(backend: PlainBackend): ConsoleBackend {
  if (backend === 'stdio') return new StdioBackend();
  return backend === 'pty' ? new PtyBackend() : new SocketBackend({ path: backend.socket });
}
