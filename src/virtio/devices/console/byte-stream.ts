/** A stream of bytes over descriptors, straight from and to guest memory. */
import { type Fd, undoOnFailure, WatchEvent } from '../../../native/index.js';
import type { ChainBuffers } from '../../queue/index.js';
import { GuestVector } from '../guest-vector.js';
import { ReadyWatch } from './ready-watch.js';

/** Of one system call: other ports of the thread get their turn. In bytes. */
const MAX_TRANSFER = 1 << 18;
const EAGAIN = 11;

/** Called on the event loop, never from within a method of the stream. */
export interface ByteStreamListener {
  readable(): void;
  writable(): void;
  /** The output is broken, or `endsWithInput` and the other end has closed its side. Once. */
  ended(): void;
}

export interface ByteStreamOptions {
  readonly input: Fd;
  /** May be the same. */
  readonly output: Fd;
  readonly endsWithInput: boolean;
}

/** Owns its descriptors, unless the constructor throws. Reads and writes never wait. */
export class ByteStream {
  readonly #options: ByteStreamOptions;
  readonly #listener: ByteStreamListener;
  readonly #vector = new GuestVector();
  readonly #byte = new Uint8Array(1);
  readonly #inputWatch: ReadyWatch;
  readonly #outputWatch: ReadyWatch;
  #inputEnded = false;
  #ended = false;
  #closed = false;

  constructor(options: ByteStreamOptions, listener: ByteStreamListener) {
    this.#options = options;
    this.#listener = listener;
    [this.#inputWatch, this.#outputWatch] = undoOnFailure((undo) => [
      undo.use(new ReadyWatch(options.input, (events) => this.#onInput(events))),
      undo.use(new ReadyWatch(options.output, (events) => this.#onOutput(events))),
    ]);
  }

  /** Takes bytes from position `from` on: how many, 0 where there is no room now, or ever again. */
  write(source: ChainBuffers, from: number): number {
    if (this.#ended) return 0;
    this.#vector.clear();
    this.#vector.appendPart(source, from, MAX_TRANSFER);
    const written = this.#vector.writeTo(this.#options.output.number);
    if (written < 0 && written !== -EAGAIN) this.#end();
    return Math.max(0, written);
  }

  /** False where there is no room. */
  writeByte(byte: number): boolean {
    this.#byte[0] = byte;
    try {
      return !this.#ended && this.#options.output.write(this.#byte) === 1;
    } catch {
      this.#end();
      return false;
    }
  }

  /** Fills the buffers from the start: how many bytes, 0 where there is nothing now, or ever again. */
  read(target: ChainBuffers): number {
    if (this.#inputEnded) return 0;
    this.#vector.clear();
    this.#vector.appendPart(target, 0, MAX_TRANSFER);
    const count = this.#vector.readFrom(this.#options.input.number);
    if (count === 0 || (count < 0 && count !== -EAGAIN)) this.#endInput();
    return Math.max(0, count);
  }

  waitReadable(on: boolean): void {
    this.#inputWatch.select(on && !this.#inputEnded ? WatchEvent.readable : 0);
  }

  waitWritable(on: boolean): void {
    this.#outputWatch.select(on && !this.#ended ? WatchEvent.writable : 0);
  }

  /** Ends the stream from this side: `ended` follows. */
  end(): void {
    this.#end();
  }

  /** Lets go of guest memory. */
  detach(): void {
    this.waitReadable(false);
    this.waitWritable(false);
    this.#vector.detach();
  }

  /** Nothing is called any more. Idempotent. */
  close(): void {
    this.#closed = true;
    this.detach();
    this.#inputWatch.close();
    this.#outputWatch.close();
    this.#options.input.close();
    this.#options.output.close();
  }

  #onInput(events: number): void {
    if (events === 0) this.#endInput();
    else this.#listener.readable();
  }

  #onOutput(events: number): void {
    if (events === 0) this.#end();
    else this.#listener.writable();
  }

  #endInput(): void {
    this.#inputEnded = true;
    this.waitReadable(false);
    if (this.#options.endsWithInput) this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.waitWritable(false);
    setImmediate(() => {
      if (!this.#closed) this.#listener.ended();
    });
  }
}
