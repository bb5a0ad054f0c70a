/** The outside of a console port, played by a test by hand. */

import type { TerminalSize } from 'ioregion/native';
import type { ChainBuffers, ConsoleBackend, ConsoleListener } from 'ioregion/virtio';

export class StubTerminal implements ConsoleBackend {
  connected = true;
  size: TerminalSize | null = null;
  /** Bytes that it takes before it is full. */
  room = Number.POSITIVE_INFINITY;
  listener: ConsoleListener | null = null;
  readable = false;
  writable = false;
  closed = false;
  onWrite: () => void = () => {};
  onRead: () => void = () => {};
  readonly #output: number[] = [];
  readonly #input: number[] = [];

  get output(): string {
    return Buffer.from(this.#output).toString();
  }

  get outputBytes(): number {
    return this.#output.length;
  }

  get pendingInput(): number {
    return this.#input.length;
  }

  /** Somebody types; the device is told if it wants to know. */
  type(text: string | Uint8Array): void {
    this.#input.push(...Buffer.from(text));
    if (this.readable) this.listener?.readable();
  }

  /** There is room for more. */
  drain(bytes: number): void {
    this.room += bytes;
    if (this.writable) this.listener?.writable();
  }

  setConnected(connected: boolean): void {
    this.connected = connected;
    this.listener?.connectionChanged();
  }

  start(listener: ConsoleListener): void {
    this.listener = listener;
  }

  write(source: ChainBuffers, from: number): number {
    this.onWrite();
    const bytes = new Uint8Array(Math.min(this.room, source.byteLength - from));
    source.copyTo(bytes, from);
    for (const byte of bytes) this.#output.push(byte);
    this.room -= bytes.length;
    return bytes.length;
  }

  writeByte(byte: number): boolean {
    if (this.room < 1) return false;
    this.room--;
    this.#output.push(byte);
    return true;
  }

  read(target: ChainBuffers): number {
    this.onRead();
    return target.copyFrom(Uint8Array.from(this.#input.splice(0, target.byteLength)));
  }

  waitReadable(on: boolean): void {
    this.readable = on;
  }

  waitWritable(on: boolean): void {
    this.writable = on;
  }

  stop(): void {
    this.listener = null;
    this.readable = false;
    this.writable = false;
  }

  close(): void {
    this.closed = true;
  }
}
