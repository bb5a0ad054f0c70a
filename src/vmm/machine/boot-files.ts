/** The files a machine boots from. */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import type { GuestMemory } from '../../memory/index.js';
import { SystemError } from '../../native/index.js';
import { BootBytes, type BootFile } from '../boot/index.js';
import { MachineFileError } from '../errors.js';

/** The most that one call reads, in bytes. */
const MAX_READ = 2 ** 30;

/** What names the file in messages: its role, and where it is. */
interface Named {
  readonly what: string;
  readonly path: string;
}

class FileOnDisk implements BootFile {
  readonly length: number;
  readonly #fd: number;
  readonly #named: Named;

  constructor(fd: number, length: number, named: Named) {
    this.#fd = fd;
    this.length = length;
    this.#named = named;
  }

  read(offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length; ) {
      const count = this.#readSome(into, done, offset + done);
      if (count === 0) throw failed(this.#named, new Error('it became shorter'));
      done += count;
    }
  }

  load(offset: number, length: number, memory: GuestMemory, gpa: number): void {
    if (this.#loadSome(offset, length, memory, gpa) < length) throw failed(this.#named, new Error('it became shorter'));
  }

  #loadSome(offset: number, length: number, memory: GuestMemory, gpa: number): number {
    try {
      return memory.loadFile(gpa, length, this.#fd, offset);
    } catch (error) {
      throw error instanceof SystemError ? failed(this.#named, error) : error;
    }
  }

  #readSome(into: Uint8Array, at: number, offset: number): number {
    return attempt(this.#named, () => readSync(this.#fd, into, at, Math.min(into.length - at, MAX_READ), offset));
  }
}

/** Calls `use` with the file, which is open meanwhile. What has no size, as a pipe, is read whole first. @throws MachineFileError, and what `use` throws */
export function withBootFile<T>(what: string, path: string, use: (file: BootFile) => T): T {
  const named = { what, path };
  const fd = attempt(named, () => openSync(path, 'r'));
  try {
    return use(attempt(named, () => bootFileOf(fd, named)));
  } finally {
    closeSync(fd);
  }
}

function bootFileOf(fd: number, named: Named): BootFile {
  const stat = fstatSync(fd);
  return stat.isFile() && stat.size > 0 ? new FileOnDisk(fd, stat.size, named) : new BootBytes(readFileSync(fd));
}

function attempt<T>(named: Named, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw failed(named, error);
  }
}

function failed({ what, path }: Named, cause: unknown): MachineFileError {
  return new MachineFileError(what, path, cause);
}
