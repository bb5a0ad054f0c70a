/** The disk that is read: every word of a block is its number. */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export const BLOCK_BYTES = 4096;
export const BLOCK_WORDS = BLOCK_BYTES / Uint32Array.BYTES_PER_ELEMENT;
/** 256 MiB. */
export const BLOCKS = 65536;
const BLOCKS_PER_WRITE = 256;

export interface BenchImage extends Disposable {
  readonly path: string;
}

/** Makes the image in a directory of its own under `parent`; disposing of it removes both. */
export function makeImage(parent: string): BenchImage {
  const directory = mkdtempSync(join(parent, 'ioregion-bench-'));
  const path = join(directory, 'disk.img');
  fill(path);
  return { path, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
}

function fill(path: string): void {
  const words = new Uint32Array(BLOCKS_PER_WRITE * BLOCK_WORDS);
  const file = openSync(path, 'w');
  for (let block = 0; block < BLOCKS; block += BLOCKS_PER_WRITE) {
    for (let i = 0; i < BLOCKS_PER_WRITE; i++) words.fill(block + i, i * BLOCK_WORDS, (i + 1) * BLOCK_WORDS);
    writeSync(file, words);
  }
  closeSync(file);
}
