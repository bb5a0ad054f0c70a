/** The root of a guest: busybox, kernel modules, and the test that runs there. Built once per content. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type ArchiveEntry, cpioArchive } from './cpio.js';
import { GUEST_FILES, guestCache } from './guest-files.js';
import { kernelModules } from './kernel-modules.js';

export interface GuestRoot {
  /** Where the modules of the guest's kernel are. */
  readonly modulesFolder: string;
  readonly modules: readonly string[];
  /** The test: a script of `guest/`, run by its busybox. */
  readonly script: string;
  /** Further programs: path in the guest (without leading slash) to a file here. */
  readonly programs?: Readonly<Record<string, string>>;
}

const BUSYBOX = '/bin/busybox';
const EXECUTABLE = 0o100755;
const EMPTY_FOLDERS = ['proc', 'sys', 'dev', 'tmp', 'mnt'];
const DIRECTORY = 0o040755;

function executable(path: string, bytes: Uint8Array): ArchiveEntry {
  return { path, mode: EXECUTABLE, bytes };
}

/** Numbered, so that their names sort as they have to be loaded. */
function moduleEntries({ modulesFolder, modules }: GuestRoot): ArchiveEntry[] {
  return kernelModules(modulesFolder, modules).map(({ name, bytes }, index) =>
    executable(`modules/${String(index).padStart(2, '0')}-${name}.ko`, bytes),
  );
}

function rootEntries(root: GuestRoot): ArchiveEntry[] {
  const guestFile = (path: string, name: string) => executable(path, readFileSync(join(GUEST_FILES, name)));
  return [
    ...EMPTY_FOLDERS.map((path) => ({ path, mode: DIRECTORY, bytes: new Uint8Array() })),
    executable('bin/busybox', readFileSync(BUSYBOX)),
    guestFile('init', 'init.sh'),
    guestFile('lib.sh', 'lib.sh'),
    guestFile('test.sh', root.script),
    ...Object.entries(root.programs ?? {}).map(([path, file]) => executable(path, readFileSync(file))),
    ...moduleEntries(root),
  ];
}

/** The path of the image for `-initrd`. */
export function buildInitramfs(root: GuestRoot): string {
  const archive = cpioArchive(rootEntries(root));
  const path = join(guestCache(), `${createHash('sha256').update(archive).digest('hex').slice(0, 32)}.cpio.gz`);
  if (existsSync(path)) return path;
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, gzipSync(archive, { level: 1 }));
  renameSync(partial, path);
  return path;
}
