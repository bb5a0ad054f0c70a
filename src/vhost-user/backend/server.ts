/** Listens for frontends and serves a device to them. */
import { GuestMemory } from '../../memory/index.js';
import { type Fd, UnixListener, type UnixListenerOptions } from '../../native/index.js';
import { type DeviceLog, LocalControl } from '../../virtio/control/index.js';
import type { VirtioDevice } from '../../virtio/device.js';
import { BACKEND_RING_FEATURES } from './offer.js';
import { Session } from './session.js';

export interface BackendServerOptions {
  /** One device, for one frontend after the other; or what makes one for each frontend, at the same time. */
  readonly device: VirtioDevice | (() => VirtioDevice);
  /**
   * Features of the queues to offer. Default: BACKEND_RING_FEATURES; add Feature.ringPacked and Feature.accessPlatform for
   * frontends that can: User-Mode Linux accepts both, and can neither.
   */
  readonly ringFeatures?: bigint;
  /** Where the device, and what frontends get wrong, is reported. Default: nowhere. */
  readonly log?: DeviceLog;
  /** In-band calls ask for an answer. Default true. */
  readonly acknowledgeCalls?: boolean;
  /** A frontend has come. */
  readonly onSession?: (session: Session) => void;
}

/** Frontends that wait for their turn, or that are served at the same time. */
const MAX_FRONTENDS = 64;

export class BackendServer {
  readonly #options: BackendServerOptions;
  readonly #log: DeviceLog;
  /** Of the device that all frontends share; null where each has its own. */
  readonly #shared: LocalControl | null;
  readonly #sessions = new Set<Session>();
  readonly #waiting: Fd[] = [];
  readonly #unfinished = new Set<Promise<unknown>>();
  #listener: UnixListener | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: BackendServerOptions) {
    this.#options = options;
    this.#log = options.log ?? (() => {});
    this.#shared = typeof options.device === 'function' ? null : this.#controlOf(options.device);
  }

  /** Listens at `path`. SocketInUseError where somebody else does. */
  static listen(
    path: string,
    options: BackendServerOptions,
    listening: Pick<UnixListenerOptions, 'mode' | 'allow'> = {},
  ): BackendServer {
    const server = new BackendServer(options);
    server.#listener = UnixListener.listen(path, {
      ...listening,
      onConnection: (socket) => server.serve(socket),
      onError: (error) => server.#log(`accepting: ${String(error)}`),
    });
    return server;
  }

  /** The control of the shared device; null where each frontend has its own. */
  get control(): LocalControl | null {
    return this.#shared;
  }

  /** Sessions under way. */
  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  /** Takes over a connected socket: a frontend, to be served now or when the one before it has gone. */
  serve(socket: Fd): void {
    if (this.#closing !== null || this.#sessions.size + this.#waiting.length >= MAX_FRONTENDS)
      return void socket.close();
    this.#waiting.push(socket);
    this.#serveNext();
  }

  /** Stops listening, lets what is in flight come to its end, and closes the device. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  #serveNext(): void {
    if (this.#shared !== null && this.#sessions.size > 0) return;
    const socket = this.#waiting.shift();
    if (socket !== undefined) this.#start(socket, this.#shared ?? this.#ownControl());
  }

  #start(socket: Fd, control: LocalControl | null): void {
    if (control === null) return void socket.close();
    const { acknowledgeCalls = true, onSession } = this.#options;
    const session = new Session(socket, { control, log: this.#log, acknowledgeCalls });
    this.#sessions.add(session);
    this.#track(session.ended.then((error) => this.#ended(session, error)));
    onSession?.(session);
  }

  /** null where no device can be made. */
  #ownControl(): LocalControl | null {
    const { device } = this.#options;
    try {
      return typeof device === 'function' ? this.#controlOf(device()) : null;
    } catch (error) {
      this.#log(`no device for another frontend: ${String(error)}`);
      return null;
    }
  }

  async #ended(session: Session, error: Error | null): Promise<void> {
    if (error !== null) this.#log(`the connection ended: ${error.message}`);
    if (this.#shared === null) await session.control.close();
    this.#sessions.delete(session);
    if (this.#closing === null) this.#serveNext();
  }

  #controlOf(device: VirtioDevice): LocalControl {
    const ringFeatures = this.#options.ringFeatures ?? BACKEND_RING_FEATURES;
    return new LocalControl({ device, memory: GuestMemory.ofRegions([]), ringFeatures, log: this.#log });
  }

  #track(work: Promise<unknown>): void {
    const tracked: Promise<unknown> = work.finally(() => this.#unfinished.delete(tracked));
    this.#unfinished.add(tracked);
  }

  async #end(): Promise<void> {
    this.#listener?.close();
    for (const socket of this.#waiting.splice(0)) socket.close();
    for (const session of this.#sessions) session.close();
    await Promise.all(this.#unfinished);
    await this.#shared?.close();
  }
}
