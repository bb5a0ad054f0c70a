/** Serves one region fd on the event loop of the calling thread: for devices whose handlers are asynchronous. */
import {
  Fd,
  FdWatch,
  native,
  type OrderGroupObject,
  type ServerObject,
  system,
  undoOnFailure,
  WatchEvent,
} from '../../native/index.js';
import { type FdLike, fdNumber } from '../dispatcher/region.js';
import type { AsyncRegisterDevice } from '../register-device.js';
import { ProtocolError, WireFault } from '../wire/index.js';
import { AsyncBatchHandler } from './async-batch.js';
import { ServerCounters, type ServerStats } from './counters.js';
import { DeviceMap, type ServedRegion } from './device-map.js';
import { ExchangeResult, endOf, type ServerEnd } from './end.js';
import { Exchange } from './exchange.js';

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

/** Batches handled in a row before the other fds of the event loop get their turn: a guest may write without end. */
const BATCHES_IN_A_ROW = 64;

interface Files {
  readonly object: ServerObject;
  readonly watch: FdWatch;
  readonly writeFd: Fd;
}

function duplicate(fd: FdLike): Fd {
  return new Fd(system(() => native.dup(fdNumber(fd))));
}

/** Opens what a server needs; nothing is left open where that fails. */
function openFiles({ readFd, writeFd, group = null }: EventLoopServerOptions, onReadable: () => void): Files {
  return undoOnFailure((undo) => {
    const object = system(() => native.serverOpen(fdNumber(readFd), fdNumber(writeFd), group, 0));
    undo.defer(() => native.serverRelease(object));
    const own = undo.use(duplicate(writeFd));
    own.setNonblock(true);
    using watched = duplicate(readFd); /* the watch has a duplicate of its own */
    return { object, watch: new FdWatch(watched, onReadable), writeFd: own };
  });
}

/**
 * Commands of one fd are carried out one after the other, each handler awaited, as the order of the fd demands.
 * Other fds of the same loop go on meanwhile, also where the peer does not take its responses. Handlers that answer at
 * once cost no promise. The files become non-blocking.
 */
export class EventLoopServer {
  /** Settles once the service has ended, for whatever reason; never rejects. */
  readonly ended: Promise<ServerEnd>;
  readonly #object: ServerObject;
  readonly #watch: FdWatch;
  readonly #writeFd: Fd;
  readonly #counters = new ServerCounters();
  readonly #handler: AsyncBatchHandler;
  readonly #exchange: Exchange;
  #settle: (end: ServerEnd) => void = () => {};
  /** While the peer does not take its responses. */
  #writable: FdWatch | null = null;
  #closed = false;

  constructor(options: EventLoopServerOptions) {
    const devices = new DeviceMap(options.regions);
    const { object, watch, writeFd } = openFiles(options, () => this.#pump(0));
    this.#object = object;
    this.#watch = watch;
    this.#writeFd = writeFd;
    const inGroup = options.group !== undefined && options.group !== null;
    const barrier = inGroup ? (handled: number) => native.barrierNow(object, handled) : null;
    const area = native.serverArea(object);
    this.#handler = new AsyncBatchHandler(area, devices, this.#counters, barrier);
    this.#handler.onDeviceError = options.onDeviceError ?? null;
    this.#exchange = new Exchange(object, area, false);
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get stats(): ServerStats {
    return this.#counters.snapshot();
  }

  /** Ends the service once the access under way is done. Idempotent. */
  close(): void {
    this.#finish({ reason: 'closed' });
  }

  /** Sends the responses to the last batch, then handles batches until there is no more, or one has to be awaited. */
  #pump(responses: number): void {
    let next: number | null = responses;
    for (let batches = 0; next !== null && batches < BATCHES_IN_A_ROW; batches++) next = this.#handleBatch(next);
    if (next !== null) this.#defer(nextTurn(next));
  }

  /** One exchange and what it brings. Returns the number of responses to send, null where the pump is to stop. */
  #handleBatch(responses: number): number | null {
    const count = this.#closed ? ExchangeResult.nothing : this.#exchange.run(responses);
    if (count === ExchangeResult.nothing) return null;
    if (count === ExchangeResult.blocked) {
      this.#sendLater(responses);
      return null;
    }
    if (count <= 0) {
      this.#finish(endOf(count, () => native.serverError(this.#object)));
      return null;
    }
    const pending = this.#handler.handle(count);
    if (typeof pending === 'number') return this.#check(pending);
    this.#defer(pending);
    return null;
  }

  /** Goes on once the batch is done. The fd may stay readable meanwhile: it is not watched until then. */
  #defer(pending: Promise<number>): void {
    this.#watch.select(0);
    void pending.then((responses) => this.#goOn(responses));
  }

  /** The peer does not take its responses: no further command is taken until it has. */
  #sendLater(responses: number): void {
    this.#watch.select(0);
    const watch = new FdWatch(this.#writeFd, () => {
      watch.close();
      this.#goOn(responses);
    });
    watch.select(WatchEvent.writable);
    this.#writable = watch;
  }

  #goOn(responses: number): void {
    if (this.#closed || this.#check(responses) === null) return;
    this.#watch.select(WatchEvent.readable);
    this.#pump(responses);
  }

  /** Null, and the end of the service, where the batch had a faulty command. */
  #check(responses: number): number | null {
    if (this.#handler.fault === WireFault.none) return responses;
    this.#refuse(responses);
    return null;
  }

  /** Answers what came before the faulty command, then gives up the connection: its framing cannot be trusted. */
  #refuse(responses: number): void {
    this.#exchange.run(responses);
    this.#finish({ reason: 'error', error: ProtocolError.of(this.#handler.fault) });
  }

  #finish(end: ServerEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler.stop();
    this.#watch.close();
    this.#writable?.close();
    this.#writeFd.close();
    native.serverRelease(this.#object);
    this.#settle(end);
  }
}

/** Resolves in the next turn of the event loop. */
function nextTurn(value: number): Promise<number> {
  return new Promise((resolve) => setImmediate(resolve, value));
}
