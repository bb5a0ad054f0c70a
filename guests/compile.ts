/** Compiles C and assembly with the system's gcc, unless the result is newer than everything it is made from. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GuestBuildError } from './errors.js';

const run = promisify(execFile);
const COMPILER = 'gcc';
const COMPILE_TIMEOUT_MS = 60_000;

/** The package's directory: sources are there, this file runs from its `dist`. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

export interface CompileTarget {
  /** File to make. */
  readonly output: string;
  readonly sources: readonly string[];
  /** Directories whose headers and linker scripts the sources use; each becomes an include directory. */
  readonly includes: readonly string[];
  readonly flags: readonly string[];
}

let unique = 0;

/**
 * Brings `output` up to date and returns its path. Several processes may do so at once: each renames a file of its own.
 * Throws a GuestBuildError with the compiler's words.
 */
export async function compile(target: CompileTarget): Promise<string> {
  if (await isFresh(target)) return target.output;
  const started = new Date();
  const partial = `${target.output}.${process.pid}.${unique++}`;
  await mkdir(dirname(target.output), { recursive: true });
  try {
    await runCompiler(target, partial);
    // A source saved while the compiler ran is newer than this.
    await utimes(partial, started, started);
    await rename(partial, target.output);
  } finally {
    await rm(partial, { force: true });
  }
  return target.output;
}

/** The C and assembly files of a directory. */
export async function sourcesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names.filter((name) => /\.[cS]$/.test(name)).map((name) => join(directory, name));
}

async function isFresh(target: CompileTarget): Promise<boolean> {
  const made = await modified(target.output);
  if (made === undefined) return false;
  const inputs = [fileURLToPath(import.meta.url), ...target.sources, ...(await headersOf(target))];
  const times = await Promise.all(inputs.map(modified));
  return times.every((time) => time !== undefined && time <= made);
}

async function modified(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.mtimeMs;
}

async function headersOf({ includes }: CompileTarget): Promise<string[]> {
  const lists = await Promise.all(
    includes.map(async (directory) => (await readdir(directory)).map((name) => join(directory, name))),
  );
  return lists.flat().filter((file) => /\.(h|ld)$/.test(file));
}

async function runCompiler({ sources, includes, flags }: CompileTarget, output: string): Promise<void> {
  const paths = includes.map((directory) => `-I${directory}`);
  try {
    await run(COMPILER, [...flags, ...paths, ...sources, '-o', output], { timeout: COMPILE_TIMEOUT_MS });
  } catch (error) {
    throw new GuestBuildError(COMPILER, sources, error);
  }
}
