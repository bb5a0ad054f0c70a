/** A port on a stream of bytes that may come and go: a pipe, a socket, a terminal. */
import type { Fd, TerminalSize } from '../../../native/index.js';
import type { ChainBuffers } from '../../queue/index.js';
import type { ConsoleBackend, ConsoleListener } from './backend.js';
import { ByteStream, type ByteStreamOptions } from './byte-stream.js';

export class StreamBackend implements ConsoleBackend {
  #stream: ByteStream | null = null;
  #listener: ConsoleListener | null = null;
  #wantsReadable = false;
  #wantsWritable = false;

  /** On a connected socket or the like, which the backend owns. */
  static ofFd(fd: Fd): StreamBackend {
    const backend = new StreamBackend();
    backend.connect({ input: fd, output: fd, endsWithInput: true });
    return backend;
  }

  get connected(): boolean {
    return this.#stream !== null;
  }

  get size(): TerminalSize | null {
    return null;
  }

  start(listener: ConsoleListener): void {
    this.#listener = listener;
  }

  write(source: ChainBuffers, from: number): number {
    const written = this.#stream?.write(source, from) ?? 0;
    if (written === 0 && this.isGone()) this.#stream?.end();
    return written;
  }

  writeByte(byte: number): boolean {
    return this.#stream?.writeByte(byte) ?? false;
  }

  read(target: ChainBuffers): number {
    return this.#stream?.read(target) ?? 0;
  }

  waitReadable(on: boolean): void {
    this.#wantsReadable = on;
    this.#stream?.waitReadable(on);
  }

  waitWritable(on: boolean): void {
    this.#wantsWritable = on;
    this.#stream?.waitWritable(on);
  }

  stop(): void {
    this.#listener = null;
    this.#wantsReadable = false;
    this.#wantsWritable = false;
    this.#stream?.detach();
  }

  close(): void {
    this.stop();
    this.#stream?.close();
    this.#stream = null;
  }

  /** Somebody is there now. Takes ownership of the descriptors, unless it throws. */
  protected connect(options: ByteStreamOptions): void {
    this.#stream = new ByteStream(options, {
      readable: () => this.#listener?.readable(),
      writable: () => this.#listener?.writable(),
      ended: () => this.disconnect(),
    });
    this.#stream.waitReadable(this.#wantsReadable);
    this.#stream.waitWritable(this.#wantsWritable);
    this.#listener?.connectionChanged();
  }

  /** The same on the event loop, where nobody would catch what is thrown: false where this host has no room for it. */
  protected tryConnect(options: ByteStreamOptions): boolean {
    try {
      this.connect(options);
      return true;
    } catch {
      options.input.close();
      options.output.close();
      return false;
    }
  }

  /** Nobody is there any more. */
  protected disconnect(): void {
    this.#stream?.close();
    this.#stream = null;
    this.#listener?.connectionChanged();
  }

  /** Asked when there is no room: the other end has gone without an error of a write. */
  protected isGone(): boolean {
    return false;
  }

  /** The terminal has another size. */
  protected resized(size: TerminalSize): void {
    this.#listener?.resized(size);
  }
}
