/** Programs of guests in C, linked statically; compiled once per content. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { GUEST_FILES, guestCache } from './guest-files.js';

const TIMEOUT_MS = 60_000;
const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-static'];

/** The program of `guest/NAME.c`. */
export function guestProgram(name: string): string {
  const source = join(GUEST_FILES, `${name}.c`);
  const content = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const program = join(guestCache(), `${name}-${content}`);
  if (existsSync(program)) return program;
  execFileSync('cc', [...FLAGS, '-o', `${program}.${process.pid}`, source], { timeout: TIMEOUT_MS });
  renameSync(`${program}.${process.pid}`, program);
  return program;
}
