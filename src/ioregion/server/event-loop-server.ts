/** Serves one region fd on the event loop of the calling thread: for devices whose handlers are asynchronous. */
import { Fd, FdWatch, native, type OrderGroupObject, type ServerObject, system } from '../../native/index.js';
import { type FdLike, fdNumber } from '../dispatcher/region.js';
import type { AsyncRegisterDevice } from '../register-device.js';
import { ProtocolError, WireFault } from '../wire/index.js';
import { AsyncBatchHandler } from './async-batch.js';
import { ServerCounters, type ServerStats } from './counters.js';
import { DeviceMap, type ServedRegion } from './device-map.js';
import { ExchangeResult, endOf, type ServerEnd } from './end.js';

export interface EventLoopServerOptions {
  /** Commands come from here. Duplicated. */
  readonly readFd: FdLike;
  /** Responses go here; the same file for a socket. Duplicated. */
  readonly writeFd: FdLike;
  readonly regions: readonly ServedRegion<AsyncRegisterDevice>[];
  /** As for the blocking server. */
  readonly group?: OrderGroupObject | null;
  /** Called with what a device handler throws or rejects with; the access reads as all ones. */
  readonly onDeviceError?: (error: unknown) => void;
}

/**
 * Commands of one fd are carried out one after the other, each handler awaited, as the order of the fd demands.
 * Other fds of the same loop go on meanwhile.
 */
export class EventLoopServer {
  /** Settles once the service has ended, for whatever reason; never rejects. */
  readonly ended: Promise<ServerEnd>;
  readonly #object: ServerObject;
  readonly #readFd: Fd;
  readonly #counters = new ServerCounters();
  readonly #handler: AsyncBatchHandler;
  readonly #exchange: (responses: number) => number;
  #watch: FdWatch | null = null;
  #settle: (end: ServerEnd) => void = () => {};
  #busy = false;
  #closed = false;

  constructor(options: EventLoopServerOptions) {
    const group = options.group ?? null;
    const object = system(() => native.serverOpen(fdNumber(options.readFd), fdNumber(options.writeFd), group, 0));
    this.#object = object;
    this.#readFd = new Fd(system(() => native.dup(fdNumber(options.readFd))));
    const barrier = group === null ? null : (handled: number) => native.barrierNow(object, handled);
    this.#handler = new AsyncBatchHandler(
      native.serverArea(object),
      new DeviceMap(options.regions),
      this.#counters,
      barrier,
    );
    this.#handler.onDeviceError = options.onDeviceError ?? null;
    this.#exchange = native.exchangeFunction(object, false);
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#listen();
  }

  get stats(): ServerStats {
    return this.#counters.snapshot();
  }

  /** Ends the service once the access under way is done. Idempotent. */
  close(): void {
    this.#finish({ reason: 'closed' });
  }

  #listen(): void {
    this.#watch = new FdWatch(this.#readFd, () => this.#onReadable());
  }

  #unlisten(): void {
    this.#watch?.close();
    this.#watch = null;
  }

  /** While a handler is awaited the fd may stay readable: it is not watched until the handler is done. */
  #onReadable(): void {
    if (this.#busy) this.#unlisten();
    else void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#busy = true;
    let responses = 0;
    for (;;) {
      const count = this.#closed ? ExchangeResult.stopped : this.#exchange(responses);
      if (count === ExchangeResult.nothing) break;
      if (count <= 0) return this.#finish(endOf(count, () => native.serverError(this.#object)));
      const pending = this.#handler.handle(count);
      responses = typeof pending === 'number' ? pending : await pending;
      if (this.#handler.fault !== WireFault.none) return this.#refuse(responses);
    }
    this.#busy = false;
    if (this.#watch === null && !this.#closed) this.#listen();
  }

  #refuse(responses: number): void {
    if (!this.#closed) this.#exchange(responses);
    this.#finish({ reason: 'error', error: ProtocolError.of(this.#handler.fault) });
  }

  #finish(end: ServerEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler.stop();
    this.#unlisten();
    native.serverRelease(this.#object);
    this.#readFd.close();
    this.#settle(end);
  }
}
