/** The serial console on the streams of this process, which are made when the machine runs: they take as long as its memory. */
import type { Readable, Writable } from 'node:stream';
import type { SerialStreams } from '../vmm/index.js';
import { TerminalInput } from './terminal-input.js';

export class ProcessConsole implements SerialStreams {
  readonly #onQuit: () => void;
  #input: TerminalInput | null = null;
  #output: Writable | null = null;

  /** `onQuit`: Ctrl-A x was typed, or nobody reads the console any more. */
  constructor(onQuit: () => void) {
    this.#onQuit = onQuit;
  }

  get output(): Writable {
    this.#output ??= process.stdout.on('error', this.#onQuit);
    return this.#output;
  }

  get input(): Readable {
    this.#input ??= new TerminalInput(process.stdin, this.#onQuit);
    return this.#input.stream;
  }

  close(): void {
    this.#input?.close();
    this.#output?.off('error', this.#onQuit);
  }
}
