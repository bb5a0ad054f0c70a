/** Modes and sizes of terminals. */
import { native } from './binding.js';
import type { Fd } from './fd.js';
import { system } from './system-error.js';

export interface TerminalSize {
  columns: number;
  rows: number;
}

export function terminalSize(terminal: Fd): TerminalSize {
  const [columns, rows] = system(() => native.terminalSize(terminal.number));
  return { columns, rows };
}

export function setTerminalSize(terminal: Fd, { columns, rows }: TerminalSize): void {
  system(() => native.terminalSetSize(terminal.number, columns, rows));
}

/** A terminal in raw mode: bytes pass unchanged, without echo and signals. Closing it restores the mode before. */
export class RawMode implements Disposable {
  readonly #terminal: Fd;
  readonly #before: Uint8Array;

  /** Borrows the terminal: a duplicate is kept until it is restored. */
  constructor(terminal: Fd) {
    this.#terminal = terminal.dup();
    try {
      this.#before = system(() => native.terminalSetRaw(this.#terminal.number));
    } catch (error) {
      this.#terminal.close();
      throw error;
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#terminal.closed) return;
    try {
      system(() => native.terminalRestore(this.#terminal.number, this.#before));
    } finally {
      this.#terminal.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
