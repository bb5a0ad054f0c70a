/** A snapshot as a directory: complete, or not there at all. */
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { GuestMemory } from '../../memory/index.js';
import { IoregionError } from '../../native/index.js';
import { SavedStateError } from '../../virtio/state/index.js';
import { SnapshotFileError, SnapshotFormatError } from './errors.js';
import {
  MAX_MANIFEST_BYTES,
  type MachineShape,
  type Manifest,
  parseManifest,
  SNAPSHOT_FORMAT,
  SNAPSHOT_VERSION,
} from './manifest.js';
import { loadMemory, saveMemory } from './memory-file.js';
import { MAX_SECTION_BYTES, packSections, type Sections, unpackSections } from './sections.js';

const FILES = { manifest: 'manifest.json', state: 'state.bin', memory: 'memory.bin' } as const;

export interface SnapshotContents {
  readonly machine: MachineShape;
  readonly sections: Sections;
  readonly memory: GuestMemory;
}

/** What a snapshot takes on disk, in bytes. */
export interface SnapshotSize {
  readonly memoryBytes: number;
  readonly stateBytes: number;
}

/**
 * Under a temporary name beside it, synced, then renamed. Readable for its owner only: it holds all of the guest's memory.
 * @throws SnapshotFileError, also where there is something of that name; nothing is left behind then
 */
export async function writeSnapshot(path: string, contents: SnapshotContents): Promise<SnapshotSize> {
  const target = resolve(path);
  try {
    if ((await lstat(target).catch(() => null)) !== null) throw new SnapshotFileError(path, 'it exists already');
    const temporary = await mkdtemp(join(dirname(target), `.${basename(target)}-`));
    try {
      const size = await writeFiles(temporary, contents);
      await rename(temporary, target);
      await syncDirectory(dirname(target));
      return size;
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  } catch (error) {
    throw error instanceof IoregionError
      ? error
      : new SnapshotFileError(path, `cannot be written: ${messageOf(error)}`, error);
  }
}

async function writeFiles(directory: string, { machine, sections, memory }: SnapshotContents): Promise<SnapshotSize> {
  const { table, bytes } = packSections(sections);
  const memoryBytes = await writeFile(join(directory, FILES.memory), ({ fd }) => saveMemory(memory, fd));
  await writeFile(join(directory, FILES.state), (file) => file.writeFile(bytes));
  const manifest: Manifest = { format: SNAPSHOT_FORMAT, version: SNAPSHOT_VERSION, machine, state: table };
  await writeFile(join(directory, FILES.manifest), (file) => file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`));
  await syncDirectory(directory);
  return { memoryBytes, stateBytes: bytes.length };
}

async function writeFile<T>(path: string, fill: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, 'wx', 0o600);
  try {
    const result = await fill(file);
    await file.sync();
    return result;
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** A snapshot whose manifest and state have been read, and found to be of the right shape. */
export class OpenSnapshot {
  readonly machine: MachineShape;
  readonly sections: Sections;
  readonly #path: string;
  readonly #memory: FileHandle;

  private constructor(path: string, machine: MachineShape, sections: Sections, memory: FileHandle) {
    this.#path = path;
    this.machine = machine;
    this.sections = sections;
    this.#memory = memory;
  }

  /** @throws SnapshotFileError, SnapshotFormatError */
  static async open(path: string): Promise<OpenSnapshot> {
    const { machine, state } = parseManifest(await readText(path));
    const sections = unpack(state, await readBounded(path, FILES.state, MAX_SECTION_BYTES));
    const { file, size } = await openFile(path, FILES.memory);
    if (size === machine.memory) return new OpenSnapshot(path, machine, sections, file);
    await file.close();
    throw new SnapshotFormatError(`${FILES.memory} has ${size} bytes, the machine ${machine.memory}`);
  }

  /** Into memory that nobody has written to. @throws SnapshotFileError */
  async loadMemory(memory: GuestMemory): Promise<void> {
    try {
      await loadMemory(memory, this.#memory.fd);
    } catch (error) {
      throw new SnapshotFileError(this.#path, `${FILES.memory} cannot be read: ${messageOf(error)}`, error);
    }
  }

  async close(): Promise<void> {
    await this.#memory.close();
  }
}

function unpack(table: Parameters<typeof unpackSections>[0], bytes: Uint8Array): Sections {
  try {
    return unpackSections(table, bytes);
  } catch (error) {
    throw error instanceof SavedStateError ? new SnapshotFormatError(error.message, error) : error;
  }
}

async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await readBounded(path, FILES.manifest, MAX_MANIFEST_BYTES));
}

/** The file may be longer than it says: no more than its size is read, and that only up to `limit`. */
async function readBounded(path: string, name: string, limit: number): Promise<Uint8Array> {
  const { file, size } = await openFile(path, name);
  try {
    if (size > limit) throw new SnapshotFormatError(`${name} has ${size} bytes`);
    const bytes = new Uint8Array(size);
    const { bytesRead } = await file.read(bytes, 0, size, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A pipe or a device in its place must not be waited for. */
async function openFile(path: string, name: string): Promise<{ readonly file: FileHandle; readonly size: number }> {
  try {
    const file = await open(join(path, name), constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (stats.isFile()) return { file, size: stats.size };
    await file.close();
    throw new Error('it is not a file');
  } catch (error) {
    throw new SnapshotFileError(path, `${name} cannot be read: ${messageOf(error)}`, error);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
