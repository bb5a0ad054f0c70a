/** Locks and sizes of disk images. */
import { native } from './binding.js';
import { FileInUseError } from './errors.js';
import type { Fd } from './fd.js';
import { system } from './system-error.js';

/**
 * Locks the whole open file until it is closed, duplicates included: `exclusive` (needs a descriptor open for writing)
 * against every other lock, else against exclusive ones. QEMU's image locks conflict with these. FileInUseError where
 * somebody has it.
 */
export function lockFile(fd: Fd, path: string, exclusive: boolean): void {
  if (!system(() => native.lockFile(fd.number, exclusive))) throw new FileInUseError(path, exclusive);
}

/** Size in bytes, of a block device too. */
export function fileEnd(fd: Fd): number {
  return system(() => native.fileEnd(fd.number));
}
