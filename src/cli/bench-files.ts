/** The files that a benchmark leaves behind. */
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OutputFileError } from './bench-errors.js';

/** Makes the folder of `file` and makes sure that the file can be written, without leaving an empty one. @throws OutputFileError */
export async function prepareFile(file: string): Promise<void> {
  await orOutputError(file, async () => {
    await mkdir(dirname(file), { recursive: true });
    const handle = await open(file, 'a');
    const { size } = await handle.stat();
    await handle.close();
    if (size === 0) await rm(file);
  });
}

/** Replaces what is in `file`. @throws OutputFileError */
export async function writeText(file: string, text: string): Promise<void> {
  await orOutputError(file, () => writeFile(file, text));
}

async function orOutputError(file: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new OutputFileError(file, error);
  }
}
