/** File descriptors as objects with one owner. */
import { native } from './binding.js';
import { FdClosedError } from './errors.js';
import { system } from './system-error.js';

const CLOSED = -1;

/** Owns one file descriptor: it is closed once, by `close`, and its number cannot be used afterwards. */
export class Fd implements Disposable {
  #number: number;

  /** Takes ownership of `number`, which must be open. */
  constructor(number: number) {
    this.#number = number;
  }

  /** The descriptor, for system calls. Throws FdClosedError after `close` or `release`. */
  get number(): number {
    if (this.#number === CLOSED) throw new FdClosedError();
    return this.#number;
  }

  get closed(): boolean {
    return this.#number === CLOSED;
  }

  /** A second descriptor of the same open file, close-on-exec. */
  dup(): Fd {
    return new Fd(this.duplicateNumber());
  }

  protected duplicateNumber(): number {
    return system(() => native.dup(this.number));
  }

  /** Hands the number over to the caller, who closes it: this object counts as closed. */
  release(): number {
    const number = this.number;
    this.#number = CLOSED;
    return number;
  }

  /** Idempotent. */
  close(): void {
    if (this.#number === CLOSED) return;
    const number = this.release();
    system(() => native.close(number));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** O_NONBLOCK, which belongs to the open file: duplicates and other processes share it. */
  setNonblock(on: boolean): void {
    system(() => native.setNonblock(this.number, on));
  }

  /** Whether programs started by this process inherit the descriptor (they do not by default). */
  setInheritable(on: boolean): void {
    system(() => native.setCloexec(this.number, !on));
  }

  /** read(2) once: the number of bytes, 0 at end of file, null where a non-blocking descriptor has nothing. */
  read(bytes: Uint8Array): number | null {
    const count = system(() => native.read(this.number, bytes));
    return count < 0 ? null : count;
  }

  /** write(2) once: the number of bytes taken, null where a non-blocking descriptor takes none. */
  write(bytes: Uint8Array): number | null {
    const count = system(() => native.write(this.number, bytes));
    return count < 0 ? null : count;
  }

  /** Bytes waiting to be read. */
  pendingBytes(): number {
    return system(() => native.pendingBytes(this.number));
  }

  /** Size of the file in bytes. */
  size(): number {
    return Number(system(() => native.fileIdentity(this.number))[2]);
  }

  /** True where both are descriptors of one file (not merely of files with equal contents). */
  isSameFile(other: Fd): boolean {
    const [device, inode] = system(() => native.fileIdentity(this.number));
    const [otherDevice, otherInode] = system(() => native.fileIdentity(other.number));
    return device === otherDevice && inode === otherInode;
  }
}

/** The two ends of a pipe, close-on-exec. */
export function pipe(): { readEnd: Fd; writeEnd: Fd } {
  const [read, write] = system(() => native.pipe());
  return { readEnd: new Fd(read), writeEnd: new Fd(write) };
}
