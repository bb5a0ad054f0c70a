/** A port on a pseudoterminal: whoever opens its path is the terminal. */
import { closeSync, constants, openSync } from 'node:fs';
import { type Fd, native, PtyMaster, type TerminalSize, terminalSize } from '../../../native/index.js';
import { StreamBackend } from './stream-backend.js';

/** The kernel tells nobody that the other end is opened, so it is asked. */
const ASK_MS = 200;
const POLLHUP = 0x10;

export class PtyBackend extends StreamBackend {
  readonly #master = PtyMaster.open();
  readonly #poll = Int32Array.of(0, 0);
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    super();
    // Only an end that was open before counts as closed.
    closeSync(openSync(this.path, constants.O_RDWR | constants.O_NOCTTY));
    this.#awaitOpening();
  }

  /** For a terminal program: `screen /dev/pts/3`. */
  get path(): string {
    return this.#master.path;
  }

  /** Null until somebody has set it. */
  override get size(): TerminalSize | null {
    const size = terminalSize(this.#master);
    return size.columns === 0 || size.rows === 0 ? null : size;
  }

  override close(): void {
    clearInterval(this.#timer);
    super.close();
    this.#master.close();
  }

  protected override disconnect(): void {
    super.disconnect();
    this.#awaitOpening();
  }

  protected override isGone(): boolean {
    this.#poll[0] = this.#master.number;
    this.#poll[1] = 0;
    return native.poll(this.#poll, 0) > 0 && (this.#poll[1]! & POLLHUP) !== 0;
  }

  #awaitOpening(): void {
    this.#timer = setInterval(() => this.#connectIfOpen(), ASK_MS).unref();
  }

  #connectIfOpen(): void {
    const fd = this.isGone() ? null : duplicate(this.#master);
    if (fd === null || !this.tryConnect({ input: fd, output: fd, endsWithInput: true })) return;
    clearInterval(this.#timer);
    const { size } = this;
    if (size !== null) this.resized(size);
  }
}

/** Null where this process has no descriptor left: asked again later. */
function duplicate(fd: Fd): Fd | null {
  try {
    return fd.dup();
  } catch {
    return null;
  }
}
