/** The way to a backend that may end and come again: one session at a time, a new one as soon as there can be one. */
import { connectUnix } from '../../native/index.js';
import { FrontendSession, type FrontendSessionOptions } from './frontend-session.js';

export interface LinkEvents extends Omit<FrontendSessionOptions['events'], 'closed'> {
  /** A backend is there again. */
  up(session: FrontendSession): void;
  /** It is gone: null where it has just ended the connection, else what it did wrong. */
  down(error: Error | null): void;
}

export interface LinkOptions {
  /** Path of the backend's socket. */
  readonly path: string;
  readonly session: Omit<FrontendSessionOptions, 'events'>;
  readonly events: LinkEvents;
  /** Between attempts to connect, ms; each that fails doubles it, up to 5 s. */
  readonly retryMs: number;
}

const LONGEST_RETRY_MS = 5000;

export class BackendLink {
  readonly #options: LinkOptions;
  #session: FrontendSession | null = null;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #waitMs: number;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#waitMs = options.retryMs;
  }

  /** null while there is no backend. */
  get session(): FrontendSession | null {
    return this.#session;
  }

  /** The first time. Rejects where there is no backend, or none that fits. */
  async connect(): Promise<FrontendSession> {
    this.#session = await this.#open();
    return this.#session;
  }

  /** The backend has been found to work: the next loss is answered at once. */
  settle(): void {
    this.#waitMs = this.#options.retryMs;
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#session?.close();
    this.#session = null;
  }

  /** What ends before it is open is told by the rejection alone. */
  async #open(): Promise<FrontendSession> {
    const { path, session, events } = this.#options;
    let opened: FrontendSession | null = null;
    const closed = (error: Error | null): void => {
      if (opened !== null && opened === this.#session) this.#onClosed(error);
    };
    opened = await FrontendSession.open(connectUnix(path), { ...session, events: { ...events, closed } });
    return opened;
  }

  #onClosed(error: Error | null): void {
    this.#session = null;
    if (this.#closed) return;
    this.#options.events.down(error);
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#retry(), this.#waitMs);
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_RETRY_MS);
  }

  async #retry(): Promise<void> {
    const { events } = this.#options;
    try {
      const session = await this.#open();
      if (this.#closed) return session.close();
      this.#session = session;
      if (session.closed) this.#onClosed(null);
      else events.up(session);
    } catch {
      this.#retryLater();
    }
  }
}
