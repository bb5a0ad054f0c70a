/** Serves one region fd on the calling thread, which it blocks: the fast server, made for a Worker of its own. */
import { native, type OrderGroupObject, type ServerObject } from '../../native/binding.js';
import { system } from '../../native/system-error.js';
import { type FdLike, fdNumber } from '../dispatcher/region.js';
import type { RegisterDevice } from '../register-device.js';
import { ProtocolError, WireFault } from '../wire/index.js';
import { BatchHandler } from './batch.js';
import { ServerCounters, type ServerStats } from './counters.js';
import { DeviceMap, type ServedRegion } from './device-map.js';
import { ExchangeResult, endOf, type ServerEnd } from './end.js';
import { Exchange } from './exchange.js';

export interface BlockingServerOptions {
  /** Commands come from here. Duplicated. */
  readonly readFd: FdLike;
  /** Responses go here; the same file for a socket. Duplicated. */
  readonly writeFd: FdLike;
  readonly regions: readonly ServedRegion<RegisterDevice>[];
  /** The device's other fds are served by members of the same group: reads here wait for earlier writes there. */
  readonly group?: OrderGroupObject | null;
  /** Longest busy-wait for a command before sleeping, ns. Only useful where the peer runs on another core. Default 0. */
  readonly spinNs?: number;
  /** Called with what a device handler throws; the access reads as all ones. */
  readonly onDeviceError?: (error: unknown) => void;
}

export class BlockingServer {
  /** Names this server to `stopRegionServer` on other threads. */
  readonly id: number;
  readonly #object: ServerObject;
  readonly #counters = new ServerCounters();
  readonly #handler: BatchHandler;
  readonly #area: ArrayBuffer;
  readonly #exchange: Exchange;

  constructor(options: BlockingServerOptions) {
    const group = options.group ?? null;
    const { readFd, writeFd, spinNs = 0 } = options;
    const devices = new DeviceMap(options.regions); /* before there is something to close */
    const object = system(() => native.serverOpen(fdNumber(readFd), fdNumber(writeFd), group, spinNs));
    this.#object = object;
    this.id = native.serverId(object);
    const barrier = group === null ? null : (handled: number) => native.barrier(object, handled);
    this.#area = native.serverArea(object);
    this.#handler = new BatchHandler(this.#area, devices, this.#counters, barrier);
    this.#handler.onDeviceError = options.onDeviceError ?? null;
    this.#exchange = new Exchange(object, this.#area, true);
  }

  get stats(): ServerStats {
    return this.#counters.snapshot();
  }

  /**
   * Serves until the peer hangs up, breaks the protocol, or the server is stopped; then closes its fds. A Worker that is
   * blocked here notices `terminate` only once `stopRegionServer` was called too.
   */
  serve(): ServerEnd {
    for (;;) {
      const end = this.serveUntilKicked();
      if (end !== null) return end;
    }
  }

  /** The same. Null: it was kicked, and all that came before is answered; to be called again. */
  serveUntilKicked(): ServerEnd | null {
    let end: ServerEnd | null = { reason: 'closed' };
    try {
      end = this.#serve();
      return end;
    } finally {
      if (end !== null) this.close();
    }
  }

  #serve(): ServerEnd | null {
    const handler = this.#handler;
    const exchange = this.#exchange;
    for (let responses = 0; ; ) {
      const count = exchange.run(responses);
      if (count === ExchangeResult.kicked) return null;
      if (count <= 0) return endOf(count, () => native.serverError(this.#object));
      responses = handler.handle(count);
      if (handler.fault !== WireFault.none) return this.#refuse(responses);
      if (handler.stopped) return { reason: 'closed' };
    }
  }

  /** Idempotent. From another thread use `stopRegionServer`. */
  close(): void {
    native.serverRelease(this.#object);
  }

  /** Answers what came before the faulty command, then gives up the connection: its framing cannot be trusted. */
  #refuse(responses: number): ServerEnd {
    new Exchange(this.#object, this.#area, false).run(responses);
    return { reason: 'error', error: ProtocolError.of(this.#handler.fault) };
  }
}

/** From any thread: `serveUntilKicked` comes back as soon as it waits. False where the server is gone. */
export function kickRegionServer(id: number): boolean {
  return native.kickServer(id);
}

/** From any thread: ends `serve`. False where the server is gone. */
export function stopRegionServer(id: number): boolean {
  return native.stopServer(id);
}
