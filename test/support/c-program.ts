/** Small C programs compiled at test time: what the kernel's own headers say, to compare our tables with. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const TIMEOUT_MS = 30_000;

/** Compiles `source` with the system compiler into `directory`; returns the path of the program. */
export function compileC(source: string, directory: string): string {
  const program = join(directory, 'program');
  writeFileSync(`${program}.c`, source);
  execFileSync('cc', ['-std=gnu11', '-Wall', '-Werror', '-o', program, `${program}.c`], { timeout: TIMEOUT_MS });
  return program;
}

/** Compiles `source`, runs it, and returns what it printed. */
export function runC(source: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'ioregion-c-'));
  try {
    const program = compileC(source, directory);
    return execFileSync(program, { encoding: 'utf8', timeout: TIMEOUT_MS });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Every object-like macro that `header` defines, with its replacement text. */
export function macrosOf(header: string): Map<string, string> {
  const text = execFileSync('cc', ['-E', '-dM', '-include', header, '-x', 'c', '/dev/null'], {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  return new Map([...text.matchAll(/^#define (\w+) (.*)$/gm)].map((match) => [match[1]!, match[2]!]));
}
