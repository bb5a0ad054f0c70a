/** Programs of guests and libraries for peers, in C; compiled once per content. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { GUEST_FILES, guestCache } from './guest-files.js';

const TIMEOUT_MS = 60_000;
const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror'];

/** The program of `guest/NAME.c`, linked statically. */
export function guestProgram(name: string): string {
  return compiled(join(GUEST_FILES, `${name}.c`), ['-static']);
}

/** The library of `NAME.c`, a path below test/support, to be preloaded into a program. */
export function preloadedLibrary(name: string): string {
  return compiled(join(GUEST_FILES, '../..', `${name}.c`), ['-shared', '-fPIC']);
}

function compiled(source: string, flags: readonly string[]): string {
  const content = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const file = join(guestCache(), `${basename(source, '.c')}-${content}`);
  if (existsSync(file)) return file;
  execFileSync('cc', [...FLAGS, ...flags, '-o', `${file}.${process.pid}`, source, '-ldl'], { timeout: TIMEOUT_MS });
  renameSync(`${file}.${process.pid}`, file);
  return file;
}
