/** What is typed: all keys go to the guest, but for Ctrl-A x, which ends the machine, and Ctrl-A Ctrl-A, which is one Ctrl-A. */
import { Transform } from 'node:stream';
import type { ReadStream } from 'node:tty';

const ESCAPE = 0x01;
const QUIT = 0x78;

export class TerminalInput {
  /** The bytes for the guest. */
  readonly stream: Transform;
  readonly #source: ReadStream;
  #escaped = false;

  /** A terminal is in raw mode until `close`; anything else passes as it is. */
  constructor(source: ReadStream, onQuit: () => void) {
    this.#source = source;
    this.stream = new Transform({
      transform: (chunk: Uint8Array, _encoding, done) => {
        done(null, source.isTTY ? this.#filter(chunk, onQuit) : chunk);
      },
    });
    if (source.isTTY) source.setRawMode(true);
    source.pipe(this.stream);
    source.unref?.();
  }

  close(): void {
    this.#source.unpipe(this.stream);
    this.#source.pause();
    if (this.#source.isTTY) this.#source.setRawMode(false);
  }

  #filter(chunk: Uint8Array, onQuit: () => void): Buffer {
    const kept: number[] = [];
    for (const byte of chunk) {
      if (!this.#escaped && byte === ESCAPE) this.#escaped = true;
      else if (this.#escaped && byte === QUIT) onQuit();
      else {
        kept.push(byte);
        this.#escaped = false;
      }
    }
    return Buffer.from(kept);
  }
}
