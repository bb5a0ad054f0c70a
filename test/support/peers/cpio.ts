/** cpio archives in the `newc` form, as the kernel unpacks them into its first file system. */

export interface ArchiveEntry {
  /** In the guest, without a leading slash. */
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

const MAGIC = '070701';
const ALIGNMENT = 4;
const DIRECTORY = 0o040755;
const TRAILER: ArchiveEntry = { path: 'TRAILER!!!', mode: 0, bytes: new Uint8Array() };

function padding(length: number): Buffer {
  return Buffer.alloc((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);
}

function encodeEntry({ path, mode, bytes }: ArchiveEntry, inode: number): Buffer {
  const name = Buffer.from(`${path}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join(''));
  const head = Buffer.concat([header, name]);
  return Buffer.concat([head, padding(head.length), bytes, padding(bytes.length)]);
}

/** The folders that the entries lie in, outer ones first. */
function foldersOf(entries: readonly ArchiveEntry[]): string[] {
  const folders = new Set<string>();
  for (const { path } of entries) {
    const parts = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) folders.add(parts.slice(0, depth).join('/'));
  }
  return [...folders].sort();
}

/** One archive of the entries, and of the folders they need. */
export function cpioArchive(entries: readonly ArchiveEntry[]): Buffer {
  const folders = foldersOf(entries).map((path) => ({ path, mode: DIRECTORY, bytes: new Uint8Array() }));
  return Buffer.concat([...folders, ...entries, TRAILER].map((entry, index) => encodeEntry(entry, index + 1)));
}
