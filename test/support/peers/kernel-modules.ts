/** Modules of a Debian kernel: those a guest loads, each after those it depends on. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface KernelModule {
  readonly name: string;
  /** What insmod loads. */
  readonly bytes: Uint8Array;
}

const UNPACKED_LIMIT_BYTES = 64 * 1024 * 1024;

/** `virtio-rng.ko.xz` and the name `virtio_rng` mean the same module. */
function nameOf(path: string): string {
  return basename(path)
    .replace(/\.ko.*$/, '')
    .replaceAll('-', '_');
}

/** Of each module: its file, then the files it needs, as modules.dep lists them (the last is to be loaded first). */
function dependencies(folder: string): Map<string, string[]> {
  const lines = readFileSync(join(folder, 'modules.dep'), 'utf8').trimEnd().split('\n');
  return new Map(
    lines.map((line) => {
      const [file, ...needed] = line.split(/:? /).map((path) => path.replace(/:$/, ''));
      return [nameOf(file!), [file!, ...needed.filter((path) => path !== '')]];
    }),
  );
}

function readModule(path: string): Uint8Array {
  if (!path.endsWith('.xz')) return readFileSync(path);
  return execFileSync('xz', ['-dc', path], { maxBuffer: UNPACKED_LIMIT_BYTES });
}

/** The modules named and what they need, in the order to load them. What is built into the kernel needs no module. */
export function kernelModules(folder: string, names: readonly string[]): KernelModule[] {
  const all = dependencies(folder);
  const files = new Set<string>();
  for (const name of names) for (const file of (all.get(nameOf(name)) ?? []).toReversed()) files.add(file);
  return [...files].map((file) => ({ name: nameOf(file), bytes: readModule(join(folder, file)) }));
}
