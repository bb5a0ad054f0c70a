/** The VMM's side: a socket where device processes connect and get the fds of their regions. */
import {
  closeAll,
  type Fd,
  IoregionError,
  type PeerCredentials,
  sendFds,
  socketpair,
  UnixListener,
} from '../../native/index.js';
import type { RegionFds } from '../dispatcher/region.js';
import { encodeOffer, type OfferedRegionDescription } from './offer.js';
import { hearReady } from './ready.js';

/** A region to be served by the device process. */
export interface RegionOffer {
  readonly name: string;
  readonly space: 'mmio' | 'pio';
  /** Bytes. */
  readonly size: number | bigint;
  readonly userData?: number | bigint;
  readonly postedWrites?: boolean;
  /** Regions of one channel share an fd, and so one order. Default: all regions share one. */
  readonly channel?: string;
}

/** A device process that has connected. */
export interface DeviceConnection {
  readonly peer: PeerCredentials;
  /**
   * Makes a socketpair per channel, sends one end of each to the process and returns the others by channel name
   * (`default` where none was named). They belong to the caller; the dispatcher duplicates what it is given. `ends` are the
   * process's ends of channels that the caller has made itself, by name.
   */
  offer(
    regions: readonly RegionOffer[],
    fds?: Readonly<Record<string, Fd>>,
    ends?: Readonly<Record<string, Fd>>,
  ): Map<string, OwnedChannel>;
  /** Resolves when the process has made its devices; once, after the offer. @throws ControlProtocolError where it hangs up before */
  ready(): Promise<void>;
  /** Closes the control connection. Idempotent. */
  close(): void;
}

/** The VMM's end of a channel. */
export interface OwnedChannel extends RegionFds, Disposable {
  readonly fd: Fd;
}

/** The port was closed: no device process will come. */
export class DevicePortClosedError extends IoregionError {
  constructor() {
    super('ERR_IOREGION_DEVICE_PORT_CLOSED', 'the device port has been closed');
  }
}

interface Taker {
  resolve(connection: DeviceConnection): void;
  reject(error: Error): void;
}

/** Listens with mode 0600 and lets in processes of the same user (and root) only. */
export class DevicePort implements Disposable {
  readonly #listener: UnixListener;
  readonly #waiting: DeviceConnection[] = [];
  readonly #takers: Taker[] = [];
  #closed = false;

  private constructor(path: string) {
    this.#listener = UnixListener.listen(path, {
      onConnection: (fd, peer) => this.#arrived(connectionOf(fd, peer)),
      onError: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
    });
  }

  /** @throws SocketInUseError where a live server has the path. */
  static listen(path: string): DevicePort {
    return new DevicePort(path);
  }

  /** The next device process to connect. @throws DevicePortClosedError once the port is closed */
  accept(): Promise<DeviceConnection> {
    if (this.#closed) return Promise.reject(new DevicePortClosedError());
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return Promise.resolve(waiting);
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }

  /** Stops listening, removes the path, drops connections nobody took. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#listener.close();
    for (const connection of this.#waiting.splice(0)) connection.close();
    for (const taker of this.#takers.splice(0)) taker.reject(new DevicePortClosedError());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #arrived(connection: DeviceConnection): void {
    const taker = this.#takers.shift();
    if (taker !== undefined) taker.resolve(connection);
    else this.#waiting.push(connection);
  }
}

function connectionOf(fd: Fd, peer: PeerCredentials): DeviceConnection {
  return {
    peer,
    offer: (regions, fds = {}, ends = {}) => sendOffer(fd, regions, fds, ends),
    ready: () => hearReady(fd),
    close: () => fd.close(),
  };
}

class Channel implements OwnedChannel {
  readonly fd: Fd;
  readonly readFd: Fd;
  readonly writeFd: Fd;

  constructor(fd: Fd) {
    this.fd = fd;
    this.readFd = fd;
    this.writeFd = fd;
  }

  [Symbol.dispose](): void {
    this.fd.close();
  }
}

const DEFAULT_CHANNEL = 'default';

function sendOffer(
  socket: Fd,
  regions: readonly RegionOffer[],
  fds: Readonly<Record<string, Fd>>,
  ends: Readonly<Record<string, Fd>>,
): Map<string, OwnedChannel> {
  const names = [...new Set(regions.map((region) => region.channel ?? DEFAULT_CHANNEL))];
  const ours = new Map<string, Channel>();
  const made: Fd[] = [];
  const theirs: Fd[] = [];
  try {
    for (const name of names) theirs.push(ends[name] ?? newChannel(name, ours, made));
    const extra = Object.entries(fds);
    const describe = (region: RegionOffer) => describeRegion(region, names.indexOf(region.channel ?? DEFAULT_CHANNEL));
    const offered = Object.fromEntries(extra.map(([name], index) => [name, theirs.length + index]));
    const bytes = encodeOffer({ version: 1, regions: regions.map(describe), fds: offered });
    sendFds(socket, bytes, [...theirs, ...extra.map(([, fd]) => fd)]);
    return ours;
  } catch (error) {
    closeAll(ours.values());
    throw error;
  } finally {
    closeAll(made);
  }
}

/** The end for the process. */
function newChannel(name: string, ours: Map<string, Channel>, made: Fd[]): Fd {
  const [here, there] = socketpair('seqpacket');
  ours.set(name, new Channel(here));
  made.push(there);
  return there;
}

function describeRegion(region: RegionOffer, fd: number): OfferedRegionDescription {
  return {
    name: region.name,
    space: region.space,
    size: String(region.size),
    userData: String(region.userData ?? 0),
    posted: region.postedWrites ?? false,
    readFd: fd,
    writeFd: fd,
  };
}
