/** memfd_create(2): anonymous files to share memory with, sealed so that no holder can pull it away. */
import { native } from './binding.js';
import { Fd } from './fd.js';
import { system } from './system-error.js';

/** Seals of a file, F_SEAL_* of fcntl(2). */
export const Seal = { seal: 1, shrink: 2, grow: 4, write: 8, futureWrite: 16 } as const;

export interface MemfdOptions {
  /** Shown in /proc/self/maps; at most 249 bytes. */
  name: string;
  /** In bytes. */
  size: number;
  /** The size cannot grow either. Default true. */
  fixed?: boolean;
}

/** A file in memory that cannot shrink: a mapping of it never raises SIGBUS, whatever the other holders do. */
export class Memfd extends Fd {
  static create({ name, size, fixed = true }: MemfdOptions): Memfd {
    return new Memfd(system(() => native.memfd(name, size, fixed)));
  }

  override dup(): Memfd {
    return new Memfd(this.duplicateNumber());
  }
}

/** True where nobody can shrink the file of `fd`. False for files that cannot be sealed at all. */
export function cannotShrink(fd: Fd): boolean {
  const number = fd.number;
  try {
    return (native.seals(number) & Seal.shrink) !== 0;
  } catch {
    return false;
  }
}
