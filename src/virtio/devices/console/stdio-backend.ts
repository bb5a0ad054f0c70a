/** A port on standard input and output. */
import { constants, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { Fd, RawMode, type TerminalSize, terminalSize } from '../../../native/index.js';
import { StreamBackend } from './stream-backend.js';

const STDIN = 0;
const STDOUT = 1;

/**
 * A terminal is in raw mode until the backend is closed, or the process exits by itself: all keys go to the guest, Ctrl-C
 * too. The end of the input is no end of the output.
 */
export class StdioBackend extends StreamBackend {
  readonly #terminal: Fd | undefined;
  readonly #rawMode: RawMode | undefined;
  readonly #onResize = () => this.#reportSize();
  readonly #onExit = () => this.#rawMode?.close();

  constructor() {
    super();
    this.#terminal = isatty(STDOUT) ? new Fd(STDOUT).dup() : undefined;
    this.#rawMode = isatty(STDIN) ? new RawMode(new Fd(STDIN)) : undefined;
    const input = ownDescription(STDIN, constants.O_RDONLY);
    const output = ownDescription(STDOUT, constants.O_WRONLY);
    this.connect({ input, output, endsWithInput: false });
    process.on('SIGWINCH', this.#onResize);
    process.on('exit', this.#onExit);
  }

  override get size(): TerminalSize | null {
    return this.#terminal === undefined ? null : terminalSize(this.#terminal);
  }

  override close(): void {
    process.off('SIGWINCH', this.#onResize);
    process.off('exit', this.#onExit);
    super.close();
    this.#rawMode?.close();
    this.#terminal?.close();
  }

  #reportSize(): void {
    const { size } = this;
    if (size !== null) this.resized(size);
  }
}

/**
 * Reads and writes that do not wait are a property of the open file, which others may share (the shell does): so terminals
 * and pipes are opened again. What cannot be opened again (a socket) is shared.
 */
function ownDescription(number: number, access: number): Fd {
  const shared = new Fd(number);
  if (!isatty(number) && !fstatSync(number).isFIFO()) return shared.dup();
  try {
    return new Fd(openSync(`/proc/self/fd/${number}`, access | constants.O_NONBLOCK | constants.O_NOCTTY));
  } catch {
    return shared.dup();
  }
}
