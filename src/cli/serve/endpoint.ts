/** Where a server listens: at a path, or on a socket that somebody else has made. */
import { Fd, UnixListener, type UnixListenerOptions } from '../../native/index.js';
import type { CommonOptions } from './common-options.js';
import { ServeOptionError } from './errors.js';

export type Endpoint = { readonly path: string } | { readonly fd: number };

/** The first descriptor that systemd passes (sd_listen_fds(3)). */
const FIRST_PASSED_FD = 3;

type Environment = Readonly<Record<string, string | undefined>>;

/** ServeOptionError where no socket is named, or two are. */
export function endpointOf({ socket, fd }: Pick<CommonOptions, 'socket' | 'fd'>, env: Environment): Endpoint {
  if (socket !== undefined && fd !== undefined) throw new ServeOptionError('--socket and --fd exclude each other');
  if (socket !== undefined) return { path: socket };
  if (fd !== undefined) return { fd };
  if (passedFds(env) === 1) return { fd: FIRST_PASSED_FD };
  throw new ServeOptionError(
    passedFds(env) === 0
      ? 'no socket: name one with --socket PATH or --fd N, or start it by socket activation'
      : `${passedFds(env)} sockets were passed: choose one with --fd N`,
  );
}

/** How many descriptors were passed to this very process. */
function passedFds({ LISTEN_PID, LISTEN_FDS }: Environment): number {
  return LISTEN_PID === String(process.pid) && /^\d+$/.test(LISTEN_FDS ?? '') ? Number(LISTEN_FDS) : 0;
}

export function describeEndpoint(endpoint: Endpoint): string {
  return 'path' in endpoint ? endpoint.path : `descriptor ${endpoint.fd}`;
}

/** SocketInUseError, NotListeningError, or SystemError. */
export function listen(endpoint: Endpoint, options: UnixListenerOptions): UnixListener {
  if ('path' in endpoint) return UnixListener.listen(endpoint.path, options);
  return UnixListener.inherit(new Fd(endpoint.fd), options);
}
