/** The root of a guest: busybox, kernel modules, and the scripts of `guest/`. Built once per content. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type ArchiveEntry, cpioArchive } from './cpio.js';
import { GUEST_FILES, guestCache } from './guest-files.js';
import { kernelModules } from './kernel-modules.js';

export interface GuestRoot {
  /** Where the modules of the guest's kernel are. */
  readonly modulesFolder: string;
  readonly modules: readonly string[];
  /** Further programs: path in the guest (without leading slash) to a file here. */
  readonly programs?: Readonly<Record<string, string>>;
}

const BUSYBOX = '/bin/busybox';
const EXECUTABLE = 0o100755;

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
  const scripts = readdirSync(GUEST_FILES).filter((name) => name.endsWith('.sh'));
  return [
    executable('bin/busybox', readFileSync(BUSYBOX)),
    ...scripts.map((name) => executable(name, readFileSync(join(GUEST_FILES, name)))),
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
