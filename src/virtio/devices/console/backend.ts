/** The outside of a port: where its output goes, and its input comes from. */
import type { TerminalSize } from '../../../native/index.js';
import type { ChainBuffers } from '../../queue/index.js';

/** Called on the event loop, never from within a method of the backend. None of them may throw. */
export interface ConsoleListener {
  readable(): void;
  writable(): void;
  /** Somebody has connected, or left. */
  connectionChanged(): void;
  /** The terminal has another size. */
  resized(size: TerminalSize): void;
}

/** Belongs to one port. No method throws but `start`. */
export interface ConsoleBackend {
  /** Somebody is there. Without, output is discarded. */
  readonly connected: boolean;
  /** Of the terminal; null where it is none. */
  readonly size: TerminalSize | null;
  /** The driver is ready. */
  start(listener: ConsoleListener): void;
  /** Takes bytes from position `from` on: how many, 0 where there is no room now or nobody is connected any more. */
  write(source: ChainBuffers, from: number): number;
  /** Takes one byte, at any time; false where it is lost. */
  writeByte(byte: number): boolean;
  /** Fills the buffers from the start: how many bytes, 0 where there is nothing now. */
  read(target: ChainBuffers): number;
  /** Calls the listener while there is something to read. At first off. */
  waitReadable(on: boolean): void;
  /** Calls the listener while there is room. At first off. */
  waitWritable(on: boolean): void;
  /** The driver is gone, and so is guest memory. Idempotent. */
  stop(): void;
  close(): void;
}
